"""Low-rank adapters on every linear layer of a frozen base; float32 factors (Hu et al., arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung.engine.local.lora import Lora, LoraConfig, save_lora
from rung.engine.local.model import LocalModel
from rung.engine.local.update import Update
from rung.train.config import TrainConfig

LEARNING_RATE = 5e-4


def apply(model: LocalModel, config: TrainConfig) -> TrainedLora:
    """The base, untouched, under a fresh adapter that the seed decides."""
    shape = LoraConfig(rank=config.rank, alpha=config.alpha)
    return TrainedLora(model, Lora.initialise(shape, model.config, config.seed, model.decoder.device))


class TrainedLora:
    """A rung.train.trainable.Trainable: the masters are the adapter's factors."""

    def __init__(self, model: LocalModel, lora: Lora) -> None:
        self.decoder, self.lora, self.masters = model.decoder, lora, lora.factors
        for factor in self.masters.values():
            factor.requires_grad_(True)

    def update(self) -> Update:
        return self.lora.update(self.decoder.dtype)

    def collect(self) -> None:
        """Gradients are on the masters already."""

    def refresh(self) -> None:
        """The update is made for each pass."""

    def save(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """PEFT's files and `rung.json`. Raises UserError for an update that is null or not finite."""
        save_lora(self.lora, folder, facts)
