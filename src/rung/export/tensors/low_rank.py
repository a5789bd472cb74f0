"""Adapters of low rank as one that every reader computes alike: scales within the factors, one rank, no patterns.

Programs that read PEFT's files take alpha / r for the scale of every module: some do not know of rsLoRA (alpha / sqrt(r)), some
not of `alpha_pattern` and `rank_pattern`. Of B A with the scale s, what is written is (s B) A with alpha = r; ranks below the
largest are filled up with zeros, and so are modules of the same name that have no update. Several adapters stand side by side:
B1 A1 + B2 A2 = [B1, B2] [A1; A2].
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from rung.engine.backend import ADAPTER_FILES
from rung.engine.local.adapter import FACTS_FILE, Loaded
from rung.engine.local.low_rank import Factors
from rung.engine.local.shape import Shape
from rung.errors import UserError
from rung.export.tensors.read import Stack

_PREFIX = "base_model.model."


def factors_of(stack: Stack) -> dict[str, Factors]:
    """By the module's path, all adapters in one: down (rank, in), up (out, rank), float32, scales folded into up.

    Raises UserError for an adapter that does more than updates of low rank to linear modules.
    """
    refuse_more(stack.adapters)
    together: dict[str, list[Factors]] = {}
    for loaded in stack.adapters:
        for path, effect in loaded.read.effects.items():
            assert effect.down is not None and effect.up is not None
            together.setdefault(path, []).append(Factors(effect.down, effect.up))
    return {
        path: Factors(torch.cat([part.down for part in parts]), torch.cat([part.up for part in parts], dim=1))
        for path, parts in together.items()
    }


def refuse_more(adapters: Sequence[Loaded]) -> None:
    """Raises UserError for an adapter that does more than updates of low rank to linear modules."""
    for loaded in adapters:
        if more := _more(loaded):
            problem = f"the adapter is more than updates of low rank: {more}"
            hint = "Export the whole model instead, with the adapter in its weights."
            raise UserError(problem, where=loaded.files.where, hint=hint)


def _more(loaded: Loaded) -> str:
    """What of an adapter is no update of low rank to a linear module, in PEFT's words; "" where there is nothing."""
    read, settings = loaded.read, loaded.files.settings
    if read.own is not None:
        return f"it is of the kind {settings.get('peft_type')}"
    if read.ends:
        return "it changes the embedding or the head"
    effects = read.effects.values()
    found = {
        "use_dora": any(effect.magnitude is not None for effect in effects),
        "lora_bias": any(effect.shift is not None for effect in effects),
        "init_lora_weights": any(effect.begun_from is not None for effect in effects),
        "modules_to_save": any(effect.weight is not None for effect in effects),
        "bias": any(effect.bias is not None for effect in effects),
    }
    return ", ".join(name for name, is_there in found.items() if is_there)


def rank_of(factors: Mapping[str, Factors]) -> int:
    """The largest of them."""
    return max(len(each.down) for each in factors.values())


def filled(factors: Factors, rank: int) -> Factors:
    """The same of this rank, zeros behind its own."""
    more = rank - len(factors.down)
    if not more:
        return factors
    down, up = factors.down, factors.up
    return Factors(torch.cat((down, down.new_zeros(more, down.shape[1]))), torch.cat((up, up.new_zeros(len(up), more)), dim=1))


def write_plain_adapter(stack: Stack, facts: Mapping[str, Any], folder: Path) -> int:
    """Writes a folder in PEFT's format; returns its rank. `facts` stand in rung.json."""
    factors = factors_of(stack)
    rank = rank_of(factors)
    tensors: dict[str, Tensor] = {}
    for path, (width_out, width_in) in _sizes(stack.shape, factors).items():
        made = filled(factors[path], rank) if path in factors else _nothing(width_out, width_in, rank)
        tensors[f"{_PREFIX}{path}.lora_A.weight"] = made.down.contiguous()
        tensors[f"{_PREFIX}{path}.lora_B.weight"] = made.up.contiguous()
    save_file(dict(sorted(tensors.items())), str(folder / ADAPTER_FILES[1]), metadata={"format": "pt"})
    said = stack.adapters[0].files.settings
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
        "base_model_name_or_path": said.get("base_model_name_or_path"),
        "revision": said.get("revision"),
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": False,
        "target_modules": sorted({path.rpartition(".")[2] for path in factors}),
    }
    for name, value in ((ADAPTER_FILES[0], settings), (FACTS_FILE, facts)):
        (folder / name).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")
    return rank


def _sizes(shape: Shape, factors: Mapping[str, Factors]) -> dict[str, tuple[int, int]]:
    """(out, in) of every module that the names of those with an update would mean, in all layers."""
    names = sorted({path.rpartition(".")[2] for path in factors})
    return {module.path: (module.width_out, module.width_in) for module in shape.modules(names)}


def _nothing(width_out: int, width_in: int, rank: int) -> Factors:
    return Factors(torch.zeros(rank, width_in), torch.zeros(width_out, rank))
