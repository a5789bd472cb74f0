"""The decoder: flat tokens in, hidden states out, the same for training, evaluation and serving."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.architecture import Attention, DecoderConfig, Pass
from rung.engine.local.update import Untouched, Update
from rung.engine.local.weights import Weights


class Decoder:
    """A decoder over given tensors, computed as its architecture's file says; stateless, so that one set of weights serves any
    number of adapters."""

    def __init__(self, config: DecoderConfig, weights: Weights) -> None:
        self.config, self.weights = config, weights
        self._angles = config.architecture.angles(config, weights.embedding.device)

    @property
    def device(self) -> torch.device:
        return self.weights.embedding.device

    @property
    def dtype(self) -> torch.dtype:
        return self.weights.embedding.dtype

    def hidden(
        self, ids: Tensor, positions: Tensor, attention: Attention, update: Update | None = None, only: Tensor | None = None
    ) -> Tensor:
        """Final-norm hidden states, (n, width), or of the tokens `only` alone, (s, width).

        ids, positions  (n,) integer: flat tokens and where each stands in its conversation
        attention       mixes tokens; knows the layout, see `attention.py`
        update          what adapters add, or None for the base alone
        only            (s,) indices: past the last block's attention nothing else is computed
        """
        config, weights, update = self.config, self.weights, update or Untouched()
        rotation = self._angles(positions, self.dtype)
        x = update.embedding(ids, config.architecture.embed(config, weights.embedding, ids))
        for index, layer in enumerate(weights.layers):
            last = only if index == config.layers - 1 else None
            run = Pass(rotation=rotation, attention=attention, update=update, only=last)
            x = config.architecture.block(config, layer, index, x, run)
        return config.architecture.finish(config, weights.final_norm, x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary, (n, vocabulary), float32."""
        return F.linear(hidden, self.weights.head).float()
