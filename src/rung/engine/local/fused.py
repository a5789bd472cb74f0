"""The decoder of a base that a file of `models/` computes: merged products, few passes over memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from rung.engine.local.architecture import DecoderConfig, Pass
from rung.engine.local.attention import Attention
from rung.engine.local.decoder import Decoder, Head
from rung.engine.local.update import Untouched, Update
from rung.engine.local.weights import Weights, export


class FusedDecoder(Decoder):
    """Computes over given tensors as its architecture's file says; stateless."""

    WAY = "fused"

    config: DecoderConfig

    def __init__(self, config: DecoderConfig, weights: Weights) -> None:
        self.config, self.weights = config, weights
        self._angles = config.architecture.angles(config, weights.embedding.device)

    @property
    def device(self) -> torch.device:
        return self.weights.embedding.device

    @property
    def dtype(self) -> torch.dtype:
        return self.weights.embedding.dtype

    @property
    def head(self) -> Head:
        return Head(weight=self.weights.head)

    def hidden(
        self, ids: Tensor, positions: Tensor, attention: Attention, update: Update | None = None, only: Tensor | None = None
    ) -> Tensor:
        config, weights, update = self.config, self.weights, update or Untouched()
        rotation = self._angles(positions, self.dtype)
        x = update.embedding(ids, config.architecture.embed(config, weights.embedding, ids))
        for index, layer in enumerate(weights.layers):
            last = only if index == config.layers - 1 else None
            run = Pass(rotation=rotation, attention=attention, update=update, only=last)
            x = config.architecture.block(config, layer, index, x, run)
        return config.architecture.finish(config, weights.final_norm, x)

    def embed(self, rows: Tensor) -> Tensor:
        return self.config.architecture.embed(self.config, rows, torch.arange(len(rows), device=rows.device))

    def named(self) -> dict[str, Tensor]:
        return dict(self.weights.named())

    def over(self, tensors: Mapping[str, Tensor]) -> FusedDecoder:
        return FusedDecoder(self.config, self.weights.replace(tensors))

    def save_weights(self, folder: Path) -> None:
        save_file(export(self.weights, self.config), str(folder / "model.safetensors"), metadata={"format": "pt"})
