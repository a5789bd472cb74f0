"""An adapter whose training began from a part of the base's weights, written anew as one that does not need them taken out.

With A0 and B0 that were taken out, B A - B0 A0 = [B, -B0] [A; A0]: twice the rank, on the base as it is, wherever that goes. PEFT's
`path_initial_model_for_weight_conversion` does the same, from a copy of the beginning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from rung.engine.local.adapted import ModuleEffect
from rung.engine.local.peft.files import FLOATS, SETTINGS_FILE, TENSORS_FILE, Key, PeftFiles
from rung.errors import UserError

# (path of a module) -> its weight (out, in)
Weights = Callable[[str], Tensor]


def write_plain(files: PeftFiles, effects: Mapping[str, ModuleEffect], weights: Weights, target: Path) -> None:
    """Write `files` to the folder `target` with nothing to be taken out of the base. Raises UserError for weights not found."""
    tensors = {files.stored[key]: tensor for key, tensor in files.tensors.items()}
    ranks: dict[str, int] = {}
    for path, effect in effects.items():
        down, up = _whole(effect, weights(path))
        ranks[path] = len(down)
        tensors[files.stored[Key(path=path, part="lora_A")]] = down
        tensors[files.stored[Key(path=path, part="lora_B")]] = up
    most = max(ranks.values())
    patterns = {_only(files.called(path)): rank for path, rank in ranks.items() if rank != most}
    settings: dict[str, Any] = {
        **files.settings,
        **{"init_lora_weights": True, "use_rslora": False, "r": most, "lora_alpha": most},
        **{"rank_pattern": patterns, "alpha_pattern": patterns},
    }
    target.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, str(target / TENSORS_FILE), metadata={"format": "pt"}
    )
    (target / SETTINGS_FILE).write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", "utf-8")


def weights_of(folder: Path) -> Weights:
    """Of a base's folder, read when they are asked for."""
    where: dict[str, Path] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        with safe_open(str(file), framework="pt") as reader:
            where |= dict.fromkeys(reader.keys(), file)

    def weight(path: str) -> Tensor:
        name = f"{path}.weight"
        if name not in where:
            raise _unread(folder, name)
        with safe_open(str(where[name]), framework="pt") as reader:
            found: Tensor = reader.get_tensor(name)
        if found.dtype not in FLOATS:
            raise _unread(folder, name)
        return found.float()

    return weight


def weights_in(model: Any) -> Weights:
    """Of a model of transformers' own code, whichever way its modules lay them."""
    from torch.nn import Linear

    def weight(path: str) -> Tensor:
        module = model.get_submodule(path)
        laid: Tensor = module.weight if isinstance(module, Linear) else module.weight.T
        return laid.detach().float()

    return weight


def _whole(effect: ModuleEffect, weight: Tensor) -> tuple[Tensor, Tensor]:
    assert effect.begun_from and effect.down is not None and effect.up is not None
    first = effect.begun_from(weight, len(effect.down), effect.scale)
    return torch.cat((effect.down, first.down)), torch.cat((effect.up, -effect.scale * first.up), dim=1)


def _only(path: str) -> str:
    return "^" + path.replace(".", r"\.")


def _unread(folder: Path, name: str) -> UserError:
    way = "save_pretrained(folder, path_initial_model_for_weight_conversion=...)"
    hint = f"Save the adapter as a plain one where it was trained: {way}."
    return UserError(f"{name} is needed as it was published, and is not in the base's files", where=str(folder), hint=hint)
