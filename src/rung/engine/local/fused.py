"""The decoder of a base that a file of `models/` computes: merged products, few passes over memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from rung.engine.local.architecture import DecoderConfig, Pass
from rung.engine.local.attention import Attention
from rung.engine.local.decoder import Begun, Decoder, Head
from rung.engine.local.update import Untouched, Update
from rung.engine.local.weights import Weights, export


class FusedDecoder(Decoder):
    """Computes over given tensors as its architecture's file says; stateless."""

    WAY = "fused"
    CUTS = True

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
        return Head(weight=self.weights.head, packed=self.packed_head)

    def until(self, layer: int, ids: Tensor, positions: Tensor, attention: Attention, update: Update | None = None) -> Tensor:
        update = update or Untouched()
        x = update.embedding(ids, self.config.architecture.embed(self.config, self.weights.embedding, ids))
        return self._through(
            range(layer), x, Pass(rotation=self._angles(positions, self.dtype), attention=attention, update=update)
        )

    def hidden(
        self,
        ids: Tensor,
        positions: Tensor,
        attention: Attention,
        update: Update | None = None,
        only: Tensor | None = None,
        *,
        begun: Begun | None = None,
    ) -> Tensor:
        run = Pass(rotation=self._angles(positions, self.dtype), attention=attention, update=update or Untouched(), only=only)
        begun = begun or Begun(layer=0, states=self._entered(ids, run.update))
        x = self._through(range(begun.layer, self.config.layers), begun.states, run)
        return self.config.architecture.finish(self.config, self.weights.final_norm, x)

    def _entered(self, ids: Tensor, update: Update) -> Tensor:
        """What the first block is given."""
        return update.embedding(ids, self.config.architecture.embed(self.config, self.weights.embedding, ids))

    def _through(self, blocks: range, x: Tensor, run: Pass) -> Tensor:
        """Only the last block of all goes on with fewer tokens."""
        whole = replace(run, only=None)
        for index in blocks:
            last = index == self.config.layers - 1
            x = self.config.architecture.block(self.config, self.weights.layers[index], index, x, run if last else whole)
        return x

    def embed(self, rows: Tensor) -> Tensor:
        return self.config.architecture.embed(self.config, rows, torch.arange(len(rows), device=rows.device))

    def named(self) -> dict[str, Tensor]:
        return dict(self.weights.named())

    def over(self, tensors: Mapping[str, Tensor]) -> FusedDecoder:
        return FusedDecoder(self.config, self.weights.replace(tensors))

    def save_weights(self, folder: Path) -> None:
        save_file(export(self.weights, self.config), str(folder / "model.safetensors"), metadata={"format": "pt"})
