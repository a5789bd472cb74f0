"""Adapters that PEFT makes and saves, and what PEFT answers with them: the reference of all that is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch
from oracle import reference_model
from torch import Tensor

from rung.engine.local.adapter import load_adapter
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.update import Update

IDS = torch.arange(5, 45)


@cache
def _reference(base: Path) -> Any:
    return reference_model(base)


def saved(base: Path, folder: Path, config: Any, *, seed: int = 3, strength: float = 0.3) -> Tensor:
    """Saves an adapter of this configuration, each of its trainable tensors moved by noise, as training would move them.

    Its logits, of the model that was saved.
    """
    import peft

    torch.manual_seed(seed)
    model = peft.get_peft_model(deepcopy(_reference(base)), config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(
                    torch.randn(parameter.shape, generator=generator) * strength * parameter.std().nan_to_num(1.0).clamp(0.05, 0.5)
                )
    model.save_pretrained(folder)
    with torch.inference_mode():
        return model.eval()(IDS[None]).logits[0]


@torch.inference_mode()
def peft_logits(base: Path, *adapters: Path) -> Tensor:
    return reference_model(base, *adapters)(IDS[None]).logits[0]


def loaded(model: Any, folder: Path) -> Update:
    return load_adapter(folder, model.config, torch.device("cpu"), model.decoder.embed).update(torch.float32)


@torch.inference_mode()
def logits(model: Any, update: Update | None) -> Tensor:
    decoder = model.decoder
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(IDS))
    hidden = decoder.hidden(IDS, torch.arange(len(IDS)), attention, update)
    return decoder.logits(hidden, update)


def agree(ours: Tensor, theirs: Tensor) -> bool:
    return bool((ours - theirs).abs().max() <= 1e-5 * max(1.0, float(theirs.abs().max())))


def change_settings(folder: Path, **values: Any) -> None:
    path = folder / "adapter_config.json"
    raw = json.loads(path.read_text("utf-8")) | values
    path.write_text(json.dumps({key: value for key, value in raw.items() if value is not ...}), "utf-8")


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], Mapping[str, Tensor]]) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    made = change(load_file(str(path)))
    save_file({name: tensor.clone().contiguous() for name, tensor in made.items()}, str(path), metadata={"format": "pt"})
