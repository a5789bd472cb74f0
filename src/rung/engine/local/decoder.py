"""The decoder: flat tokens in, hidden states out, the same for training, evaluation and serving."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.functions import GatedSiLU, RMSNorm, Rotary
from rung.engine.local.update import Untouched, Update
from rung.engine.local.weights import DecoderConfig, Layer, Weights, rope_settings

Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class Decoder:
    """A Llama-like decoder over given tensors; stateless, so that one set of weights serves any number of adapters."""

    def __init__(self, config: DecoderConfig, weights: Weights) -> None:
        self.config, self.weights = config, weights
        self._frequencies, self._rope_scale = rotary_frequencies(config, weights.embedding.device)

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
        angles = positions[:, None].float() * self._frequencies
        cos = (angles.cos() * self._rope_scale).to(self.dtype)[:, None]
        sin = (angles.sin() * self._rope_scale).to(self.dtype)[:, None]
        update = update or Untouched()
        x = update.embedding(ids, F.embedding(ids, self.weights.embedding))
        for index, layer in enumerate(self.weights.layers):
            last = only if index == self.config.layers - 1 else None
            x = self._block(x, index, layer, (cos, sin), attention, update, last)
        return RMSNorm.apply(x, self.weights.final_norm, self.config.norm_epsilon)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary, (n, vocabulary), float32."""
        return F.linear(hidden, self.weights.head).float()

    def _block(
        self,
        x: Tensor,
        index: int,
        layer: Layer,
        rotation: tuple[Tensor, Tensor],
        attention: Attention,
        update: Update,
        only: Tensor | None,
    ) -> Tensor:
        config, epsilon = self.config, self.config.norm_epsilon
        normed = RMSNorm.apply(x, layer.input_norm, epsilon)
        qkv = update.linear(index, "qkv", normed, layer.qkv, layer.qkv_bias).view(len(x), -1, config.head_width)
        queries_keys, values = qkv.split([config.heads + config.key_value_heads, config.key_value_heads], dim=1)
        if layer.query_norm is not None and layer.key_norm is not None:
            queries, keys = queries_keys.split([config.heads, config.key_value_heads], dim=1)
            queries_keys = torch.cat(
                (RMSNorm.apply(queries, layer.query_norm, epsilon), RMSNorm.apply(keys, layer.key_norm, epsilon)), dim=1
            )
        queries, keys = Rotary.apply(queries_keys, *rotation).split([config.heads, config.key_value_heads], dim=1)
        attended = attention(index, queries, *update.keys_values(index, keys, values))
        if only is not None:
            update = update.of(only)
            x, attended = x.index_select(0, only), attended.index_select(0, only)
        x = x + update.linear(index, "output", attended, layer.output, None)
        normed = RMSNorm.apply(x, layer.post_norm, epsilon)
        gated = GatedSiLU.apply(update.linear(index, "gate_up", normed, layer.gate_up, None))
        return update.residual(index, x + update.linear(index, "down", gated, layer.down, None))


def rotary_frequencies(config: DecoderConfig, device: torch.device) -> tuple[Tensor, float]:
    """Angles a position, (head_width / 2,), and the scale of cosine and sine; scaled variants as transformers computes them."""
    rope = rope_settings(config.raw)
    if rope["rope_type"] == "default":
        steps = torch.arange(0, config.head_width, 2, dtype=torch.int64, device=device).float()
        return 1.0 / rope["rope_theta"] ** (steps / config.head_width), 1.0
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    frequencies, scale = ROPE_INIT_FUNCTIONS[rope["rope_type"]](AutoConfig.for_model(**config.raw), device)
    return frequencies, float(scale)
