"""A small adapter that does something, without PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make_tiny_adapter(base: Path, folder: Path, *, facts: dict[str, Any] | None = None, rank: int = 2) -> Path:
    """A small adapter of low rank that does something, as this program saves it."""
    import torch

    from rung.engine.local.adapter import Adapter, BaseName, kind_of
    from rung.engine.local.architecture import DecoderConfig

    kind = kind_of("lora")
    config = kind.Config(rank=rank, target_modules=("q_proj", "down_proj"))
    adapter = Adapter.initialise(kind, config, DecoderConfig.read(base), 0, torch.device("cpu"))
    for tensor in adapter.tensors.values():
        tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1)), alpha=0.2)
    adapter.save(folder, facts or {}, BaseName.of("", base))
    return folder
