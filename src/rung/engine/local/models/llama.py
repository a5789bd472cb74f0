"""Llama and what is shaped like it: RMS norms, rotary positions, grouped-query attention, gated feed-forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.architecture import DecoderConfig, Held, NotComputed, Pass
from rung.engine.local.attention import PLAIN_SCORES_AT_MOST
from rung.engine.local.functions import gated_silu, rms_norm, rotated
from rung.engine.local.matrices import Matrix
from rung.engine.local.rotary import ROTARY_KINDS, Angles, rope_settings
from rung.engine.local.settings import whole
from rung.errors import UserError

SIZES = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")
MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3", "smollm")
# Whose queries, keys and values have biases, and whose heads' queries and keys have norms.
BIASED, NORMED = ("qwen2",), ("qwen3",)
BLOCK = "model.layers.{}."
HEAD = "lm_head"
# A tied head that is stored all the same (one that is not the embedding unties them), and what older files keep of the angles.
IGNORED = ("lm_head.weight", "rotary_emb.inv_freq")


@dataclass(kw_only=True)
class Layer:
    """One block's tensors; (out, in) for matrices. Norms of queries and keys, and biases, only where the architecture has them."""

    input_norm: Tensor
    qkv: Matrix
    qkv_bias: Tensor | None = None
    query_norm: Tensor | None = None
    key_norm: Tensor | None = None
    output: Matrix
    post_norm: Tensor
    gate_up: Matrix
    down: Matrix


def read(raw: Mapping[str, Any], where: str) -> DecoderConfig:
    """Raises NotComputed for an activation, positions, attention or biases that are not computed exactly."""
    if raw["hidden_act"] != "silu":
        raise NotComputed(f"the local engine does not compute the activation '{raw['hidden_act']}'", where=where)
    rope = rope_settings(raw)
    if rope["rope_type"] not in ROTARY_KINDS or rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise NotComputed(f"the local engine does not compute rotary positions of the kind '{rope['rope_type']}'", where=where)
    window = raw.get("sliding_window") if raw.get("use_sliding_window", raw["model_type"] == "mistral") else None
    if (window and window < raw["max_position_embeddings"]) or "sliding_attention" in (raw.get("layer_types") or ()):
        raise NotComputed("the local engine does not compute sliding-window attention", where=where)
    if biases := [key for key in ("attention_bias", "mlp_bias") if raw.get(key)]:
        raise NotComputed(f"the local engine does not compute {biases[0]}", where=where)
    sizes = {key: whole(raw, key, where) for key in SIZES}
    return DecoderConfig(
        vocabulary=sizes["vocab_size"],
        width=sizes["hidden_size"],
        feed_forward=sizes["intermediate_size"],
        layers=sizes["num_hidden_layers"],
        heads=sizes["num_attention_heads"],
        key_value_heads=_divisor(raw, sizes["num_attention_heads"], where),
        head_width=raw.get("head_dim") or sizes["hidden_size"] // sizes["num_attention_heads"],
        norm_epsilon=raw["rms_norm_eps"],
        max_positions=sizes["max_position_embeddings"],
        tied=bool(raw.get("tie_word_embeddings", False)),
        raw=raw,
    )


def _divisor(raw: Mapping[str, Any], heads: int, where: str) -> int:
    groups = raw.get("num_key_value_heads") or heads
    if not isinstance(groups, int) or groups < 1 or heads % groups:
        problem = f"num_key_value_heads is {groups!r}, which does not divide the {heads} heads"
        raise UserError(problem, where=where, hint="Copy or download it again, as it was published.")
    return groups


def tensors(config: DecoderConfig) -> tuple[Held, ...]:
    """A tied head is the embedding: it is not stored, or stored twice."""
    vocabulary = ((config.vocabulary, config.width),)
    head = (Held(name="head", stored=("lm_head.weight",), sizes=vocabulary),)
    return (
        Held(name="embedding", stored=("model.embed_tokens.weight",), sizes=vocabulary),
        Held(name="final_norm", stored=("model.norm.weight",), sizes=((config.width,),)),
        *(() if config.tied else head),
    )


def block_tensors(config: DecoderConfig) -> tuple[Held, ...]:
    """Queries, keys and values are kept as one matrix, gate and up as another: one product each instead of three and two."""
    width, inner, query = config.width, config.feed_forward, config.query_width
    outs = (query, config.key_value_width, config.key_value_width)
    projections = [f"self_attn.{part}_proj" for part in "qkv"]
    norm, head_norm = ((width,),), ((config.head_width,),)
    biases = tuple(f"{name}.bias" for name in projections)
    biased = (Held(name="qkv_bias", stored=biases, sizes=tuple((out,) for out in outs)),)
    normed = (
        Held(name="query_norm", stored=("self_attn.q_norm.weight",), sizes=head_norm),
        Held(name="key_norm", stored=("self_attn.k_norm.weight",), sizes=head_norm),
    )
    return (
        Held(name="input_norm", stored=("input_layernorm.weight",), sizes=norm),
        Held(name="qkv", stored=tuple(f"{name}.weight" for name in projections), sizes=tuple((out, width) for out in outs)),
        *(biased if config.raw["model_type"] in BIASED else ()),
        *(normed if config.raw["model_type"] in NORMED else ()),
        Held(name="output", stored=("self_attn.o_proj.weight",), sizes=((width, query),)),
        Held(name="post_norm", stored=("post_attention_layernorm.weight",), sizes=norm),
        Held(name="gate_up", stored=("mlp.gate_proj.weight", "mlp.up_proj.weight"), sizes=((inner, width), (inner, width))),
        Held(name="down", stored=("mlp.down_proj.weight",), sizes=((width, inner),)),
    )


def angles(config: DecoderConfig, device: torch.device) -> Angles:
    """Cosines and sines."""
    return Angles(config.raw, config.head_width, device)


def embed(config: DecoderConfig, embedding: Tensor, ids: Tensor) -> Tensor:
    """As they are stored, without a scale."""
    return F.embedding(ids, embedding)


def block(config: DecoderConfig, layer: Layer, index: int, x: Tensor, run: Pass) -> Tensor:
    """Attention and feed-forward, each over normed values and added to what came in."""
    epsilon, update = config.norm_epsilon, run.update
    normed = rms_norm(x, layer.input_norm, epsilon)
    qkv = update.linear(index, "qkv", normed, layer.qkv, layer.qkv_bias).view(len(x), -1, config.head_width)
    queries_keys, values = qkv.split([config.heads + config.key_value_heads, config.key_value_heads], dim=1)
    if layer.query_norm is not None and layer.key_norm is not None:
        queries, keys = queries_keys.split([config.heads, config.key_value_heads], dim=1)
        queries_keys = torch.cat((rms_norm(queries, layer.query_norm, epsilon), rms_norm(keys, layer.key_norm, epsilon)), dim=1)
    queries, keys = rotated(queries_keys, *run.rotation).split([config.heads, config.key_value_heads], dim=1)
    attended = run.attention(index, queries, *update.keys_values(index, keys, values))
    if run.only is not None:
        update = update.of(run.only)
        x, attended = x.index_select(0, run.only), attended.index_select(0, run.only)
    x = x + update.linear(index, "output", attended, layer.output, None)
    normed = rms_norm(x, layer.post_norm, epsilon)
    gated = gated_silu(update.linear(index, "gate_up", normed, layer.gate_up, None))
    return update.residual(index, x + update.linear(index, "down", gated, layer.down, None))


def finish(config: DecoderConfig, final_norm: Tensor, x: Tensor) -> Tensor:
    """The last norm."""
    return rms_norm(x, final_norm, config.norm_epsilon)


def kept_bytes(config: DecoderConfig, item: int, seen: int) -> int:
    """A block keeps: 2 widths (its input, the sum between), queries and keys twice and values thrice (as they come out of the
    product, keys and queries rotated), three feed-forward widths, and the attention weights, unless rows are so long that the fused
    kernel never writes them.
    """
    norms = 2 * config.width
    attention = 2 * config.query_width + 3 * config.key_value_width
    feed_forward = 3 * config.feed_forward
    written = seen if seen * seen <= PLAIN_SCORES_AT_MOST else 1
    return config.layers * item * (norms + attention + feed_forward + config.heads * written) + item * config.width
