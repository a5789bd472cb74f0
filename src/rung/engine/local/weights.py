"""A decoder's shape and its tensors, read from a transformers folder.

Query, key and value projections are kept as one matrix, gate and up projections as another: one product each instead of three and
two. `export` splits them again under the names that transformers uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from rung.errors import UserError

ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3", "smollm")
# Kinds whose angles do not depend on how long the conversation is: a prefix computed alone is the prefix of any row.
ROTARY_KINDS = ("default", "linear", "llama3", "yarn")


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The shape of a Llama-like decoder: RMS norms, rotary positions, grouped-query attention, gated feed-forward."""

    vocabulary: int
    width: int
    feed_forward: int
    layers: int
    heads: int
    key_value_heads: int
    head_width: int
    norm_epsilon: float
    max_positions: int
    tied: bool
    raw: Mapping[str, Any]

    @property
    def query_width(self) -> int:
        return self.heads * self.head_width

    @property
    def key_value_width(self) -> int:
        return self.key_value_heads * self.head_width

    @classmethod
    def read(cls, folder: Path) -> DecoderConfig:
        """Raises UserError for an architecture that this decoder does not compute exactly."""
        raw = json.loads((folder / "config.json").read_text("utf-8"))
        _refuse_unknown(raw, folder)
        heads = raw["num_attention_heads"]
        return cls(
            vocabulary=raw["vocab_size"],
            width=raw["hidden_size"],
            feed_forward=raw["intermediate_size"],
            layers=raw["num_hidden_layers"],
            heads=heads,
            key_value_heads=raw.get("num_key_value_heads") or heads,
            head_width=raw.get("head_dim") or raw["hidden_size"] // heads,
            norm_epsilon=raw["rms_norm_eps"],
            max_positions=raw["max_position_embeddings"],
            tied=bool(raw.get("tie_word_embeddings", False)),
            raw=raw,
        )


def _refuse_unknown(raw: Mapping[str, Any], folder: Path) -> None:
    kind = raw.get("model_type")
    where = str(folder / "config.json")
    if kind not in ARCHITECTURES:
        raise UserError(
            f"the local engine does not compute the architecture '{kind}'",
            where=where,
            mend=f"It computes {', '.join(ARCHITECTURES)}. Serve this model elsewhere and name its OpenAI-compatible address.",
        )
    if raw.get("hidden_act", "silu") != "silu":
        raise UserError(f"the local engine does not compute the activation '{raw['hidden_act']}'", where=where)
    if (rotary := rope_settings(raw)["rope_type"]) not in ROTARY_KINDS:
        raise UserError(f"the local engine does not compute rotary positions of the kind '{rotary}'", where=where)
    window = raw.get("sliding_window") if raw.get("use_sliding_window", kind == "mistral") else None
    if window and window < raw["max_position_embeddings"]:
        raise UserError("the local engine does not compute sliding-window attention", where=where)


def rope_settings(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration's rotary settings, `rope_type` and `rope_theta` among them, under the names of any transformers version."""
    rope = dict(raw.get("rope_parameters") or raw.get("rope_scaling") or {})
    kind = str(rope.get("rope_type", rope.get("type", "default")))
    return {"rope_theta": raw.get("rope_theta", 10000.0), **rope, "rope_type": kind}


@dataclass(kw_only=True)
class Layer:
    """One block's tensors; (out, in) for matrices. Norms of queries and keys, and biases, only where the architecture has them."""

    input_norm: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    query_norm: Tensor | None
    key_norm: Tensor | None
    output: Tensor
    post_norm: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(kw_only=True)
class Weights:
    """All tensors of a decoder. `head` is `embedding` itself where they are tied."""

    embedding: Tensor
    layers: list[Layer]
    final_norm: Tensor
    head: Tensor

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Every distinct tensor under this module's own names: what full fine-tuning trains."""
        yield "embedding", self.embedding
        for index, layer in enumerate(self.layers):
            yield from ((f"layers.{index}.{name}", tensor) for name, tensor in vars(layer).items() if tensor is not None)
        yield "final_norm", self.final_norm
        if self.head is not self.embedding:
            yield "head", self.head

    def replace(self, tensors: Mapping[str, Tensor]) -> Weights:
        """The same decoder over other tensors, named as by `named`; a tied head stays tied."""
        layers = [
            Layer(**{name: tensors.get(f"layers.{index}.{name}", tensor) for name, tensor in vars(layer).items()})
            for index, layer in enumerate(self.layers)
        ]
        embedding = tensors.get("embedding", self.embedding)
        head = embedding if self.head is self.embedding else tensors.get("head", self.head)
        return Weights(embedding=embedding, layers=layers, final_norm=tensors.get("final_norm", self.final_norm), head=head)


def load_weights(folder: Path, config: DecoderConfig, dtype: torch.dtype, device: torch.device) -> Weights:
    """Read every safetensors file of `folder`. Raises UserError naming any tensor that is missing or left over."""
    tensors = {name: tensor.to(device=device, dtype=dtype) for name, tensor in _read(folder)}

    def take(name: str) -> Tensor:
        if name not in tensors:
            raise UserError(f"the weights lack the tensor '{name}'", where=str(folder), mend="Fetch the model again.")
        return tensors.pop(name)

    def optional(name: str) -> Tensor | None:
        return tensors.pop(name, None)

    embedding = take("model.embed_tokens.weight")
    layers = [_layer(f"model.layers.{index}.", take, optional) for index in range(config.layers)]
    final_norm = take("model.norm.weight")
    head = embedding if config.tied else take("lm_head.weight")
    left = [name for name in tensors if not name.endswith(("rotary_emb.inv_freq", "lm_head.weight"))]
    if left:
        raise UserError(f"the local engine does not know the tensors {', '.join(sorted(left)[:5])}", where=str(folder))
    return Weights(embedding=embedding, layers=layers, final_norm=final_norm, head=head)


def stored_dtype(folder: Path) -> torch.dtype:
    """The precision of the first stored tensor, which is that of the weights as they were published."""
    return next(_read(folder))[1].dtype


def _read(folder: Path) -> Iterator[tuple[str, Tensor]]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError("no safetensors file", where=str(folder), mend="Only safetensors weights are loaded, never pickle.")
    for file in files:
        with safe_open(str(file), framework="pt") as reader:
            for name in reader.keys():  # noqa: SIM118 - a safe_open handle is not a mapping
                yield name, reader.get_tensor(name)


def _layer(at: str, take: Any, optional: Any) -> Layer:
    attention, feed_forward = f"{at}self_attn.", f"{at}mlp."
    biases = [optional(f"{attention}{name}_proj.bias") for name in "qkv"]
    return Layer(
        input_norm=take(f"{at}input_layernorm.weight"),
        qkv=torch.cat([take(f"{attention}{name}_proj.weight") for name in "qkv"]),
        qkv_bias=torch.cat(biases) if all(bias is not None for bias in biases) else None,
        query_norm=optional(f"{attention}q_norm.weight"),
        key_norm=optional(f"{attention}k_norm.weight"),
        output=take(f"{attention}o_proj.weight"),
        post_norm=take(f"{at}post_attention_layernorm.weight"),
        gate_up=torch.cat([take(f"{feed_forward}{name}_proj.weight") for name in ("gate", "up")]),
        down=take(f"{feed_forward}down_proj.weight"),
    )


def export(weights: Weights, config: DecoderConfig) -> dict[str, Tensor]:
    """The tensors under transformers' names, each contiguous: what `model.safetensors` holds."""
    out = {"model.embed_tokens.weight": weights.embedding, "model.norm.weight": weights.final_norm}
    if not config.tied:
        out["lm_head.weight"] = weights.head
    widths = [config.query_width, config.key_value_width, config.key_value_width]
    for index, layer in enumerate(weights.layers):
        at = f"model.layers.{index}."
        parts = dict(zip("qkv", layer.qkv.split(widths), strict=True))
        out |= {f"{at}self_attn.{name}_proj.weight": part for name, part in parts.items()}
        if layer.qkv_bias is not None:
            biases = dict(zip("qkv", layer.qkv_bias.split(widths), strict=True))
            out |= {f"{at}self_attn.{name}_proj.bias": part for name, part in biases.items()}
        if layer.query_norm is not None and layer.key_norm is not None:
            out |= {f"{at}self_attn.q_norm.weight": layer.query_norm, f"{at}self_attn.k_norm.weight": layer.key_norm}
        gate, up = layer.gate_up.chunk(2)
        out |= {f"{at}mlp.gate_proj.weight": gate, f"{at}mlp.up_proj.weight": up, f"{at}mlp.down_proj.weight": layer.down}
        out |= {f"{at}self_attn.o_proj.weight": layer.output, f"{at}input_layernorm.weight": layer.input_norm}
        out[f"{at}post_attention_layernorm.weight"] = layer.post_norm
    return {name: tensor.detach().cpu().contiguous() for name, tensor in out.items()}
