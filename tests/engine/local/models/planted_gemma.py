"""Gemma: Llama's shape with scaled embeddings, norms whose weight is counted from one, and a GELU gate. Planted by a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.architecture import DecoderConfig, Pass
from rung.engine.local.functions import rotated
from rung.engine.local.models import llama
from rung.engine.local.models.llama import BLOCK, HEAD, IGNORED, Layer, angles, block_tensors, kept_bytes, tensors

__all__ = ["BLOCK", "HEAD", "IGNORED", "Layer", "angles", "block_tensors", "kept_bytes", "tensors"]

MODEL_TYPES = ("gemma",)


def read(raw: Mapping[str, Any], where: str) -> DecoderConfig:
    """Tied wherever the file does not say otherwise."""
    config = llama.read({**raw, "hidden_act": "silu"}, where)
    return replace(config, tied=bool(raw.get("tie_word_embeddings", True)), raw=raw)


def embed(config: DecoderConfig, embedding: Tensor, ids: Tensor) -> Tensor:
    """Times the root of the width."""
    return F.embedding(ids, embedding) * torch.tensor(config.width**0.5, dtype=embedding.dtype)


def block(config: DecoderConfig, layer: Layer, index: int, x: Tensor, run: Pass) -> Tensor:
    """As Llama's, with this file's norm and gate."""
    update, sizes = run.update, [config.heads, config.key_value_heads, config.key_value_heads]
    qkv = update.linear(index, "qkv", _norm(x, layer.input_norm, config), layer.qkv, layer.qkv_bias)
    queries, keys, values = qkv.view(len(x), -1, config.head_width).split(sizes, dim=1)
    queries, keys = rotated(queries, *run.rotation), rotated(keys, *run.rotation)
    attended = run.attention(index, queries, *update.keys_values(index, keys, values))
    if run.only is not None:
        update = update.of(run.only)
        x, attended = x.index_select(0, run.only), attended.index_select(0, run.only)
    x = x + update.linear(index, "output", attended, layer.output, None)
    gate, up = update.linear(index, "gate_up", _norm(x, layer.post_norm, config), layer.gate_up, None).chunk(2, dim=-1)
    gated = F.gelu(gate, approximate="tanh") * up
    return update.residual(index, x + update.linear(index, "down", gated, layer.down, None))


def finish(config: DecoderConfig, final_norm: Tensor, x: Tensor) -> Tensor:
    """The last norm."""
    return _norm(x, final_norm, config)


def _norm(x: Tensor, weight: Tensor, config: DecoderConfig) -> Tensor:
    return (F.rms_norm(x.float(), (config.width,), eps=config.norm_epsilon) * (1.0 + weight.float())).to(x.dtype)
