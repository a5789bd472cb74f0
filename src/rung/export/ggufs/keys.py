"""The metadata of a base's configuration, and the proof that they say all of it: read again, they give the same configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung.engine.bases.gguf.config import config_of
from rung.engine.bases.gguf.header import read_header
from rung.engine.bases.gguf.rope import FREQUENCIES, LONG, SHORT, llama3_factors
from rung.errors import UserError
from rung.export.ggufs.family import ANOTHER, Kept, told_by

# What gpt2 calls otherwise.
_OTHERWISE = {
    "hidden_size": "n_embd",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
    "max_position_embeddings": "n_positions",
    "intermediate_size": "n_inner",
}
_COUNTS = ("_count", "_length", "sliding_window")
# Keys of a configuration that change no answer of a model that is whole: who saved it and how it was trained, tokens by number
# (which the tokenizer's keys say), what only other heads or other programs ask for.
_OF_NO_ANSWER = frozenset(
    [
        "architectures",
        "dtype",
        "torch_dtype",
        "transformers_version",
        "_name_or_path",
        "name_or_path",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "unk_token_id",
        "use_cache",
        "initializer_range",
        "attention_dropout",
        "hidden_dropout",
        "resid_pdrop",
        "embd_pdrop",
        "attn_pdrop",
        "residual_dropout",
        "embedding_dropout",
        "summary_type",
        "summary_use_proj",
        "summary_activation",
        "summary_first_dropout",
        "summary_proj_to_labels",
        "pretraining_tp",
        "id2label",
        "label2id",
        "return_dict",
        "output_hidden_states",
        "output_attentions",
        "chunk_size_feed_forward",
        "problem_type",
        "is_encoder_decoder",
        "is_decoder",
        "add_cross_attention",
        "tie_encoder_decoder",
        "cross_attention_hidden_size",
        "tokenizer_class",
        "task_specific_params",
        "max_window_layers",
        "model_type",
        "cache_implementation",
        "_attn_implementation",
        "_attn_implementation_internal",
        "auto_map",
        "router_aux_loss_coef",
        "output_router_logits",
        "router_jitter_noise",
        "use_bidirectional_attention",
        "reorder_and_upcast_attn",
        "scale_attn_by_inverse_layer_idx",
        "default_theta",
        "_sliding_window_pattern",
        "sliding_window_pattern",
        "quantization_config",
        "n_ctx",
    ]
)
_EXACT = 1e-5


def metadata_of(kept: Kept) -> dict[str, Any]:
    """`<architecture>.name` -> value; whole numbers are counts, others are floats. Raises UserError for what they cannot say."""
    read = _Reading(kept.config)
    head = kept.config.get("head_dim") or read.count("hidden_size") // read.count("num_attention_heads")
    heads = read.count("num_attention_heads")
    made: dict[str, Any] = {
        "context_length": read.count("max_position_embeddings"),
        "embedding_length": read.count("hidden_size"),
        "block_count": read.count("num_hidden_layers"),
        "feed_forward_length": read.get("intermediate_size") or 4 * read.count("hidden_size"),
        "attention.head_count": heads,
        "attention.head_count_kv": read.get("num_key_value_heads") or heads,
        "attention.key_length": head,
        "attention.value_length": head,
        "vocab_size": read.count("vocab_size"),
        kept.family.epsilon[0]: float(kept.config[kept.family.epsilon[1]]),
    }
    for key, name in {**kept.family.settings, **kept.family.optional}.items():
        if (value := kept.config.get(name)) is not None:
            made[key] = int(value) if key.endswith(_COUNTS) else float(value)
    if kept.family.rotary:
        made |= _positions(kept, head)
    if kept.family.model_type == "phi3":
        made["attention.sliding_window"] = int(kept.config.get("sliding_window") or 0)
    if kept.family.windows and (near := _unusual_windows(kept)):
        made["attention.sliding_window_pattern"] = near
    return {f"{kept.architecture}.{key}": value for key, value in made.items()}


class _Reading:
    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def get(self, name: str) -> int | None:
        value = self._config.get(name, self._config.get(_OTHERWISE.get(name, name)))
        return None if value is None else int(value)

    def count(self, name: str) -> int:
        value = self.get(name)
        if value is None:
            raise UserError(f"the base's configuration has no {name}", hint=ANOTHER)
        return value


def _positions(kept: Kept, head: int) -> dict[str, Any]:
    rope, near = _rope(kept.config)
    made: dict[str, Any] = {
        "rope.freq_base": float(rope["rope_theta"]),
        "rope.dimension_count": int(head * rope.get("partial_rotary_factor", 1.0)),
    }
    if near:
        made["rope.freq_base_swa"] = float(near["rope_theta"])
    kind = rope.get("rope_type", "default")
    first = rope.get("original_max_position_embeddings")
    if kind in ("linear", "yarn"):
        made |= {"rope.scaling.type": kind, "rope.scaling.factor": float(rope["factor"])}
    if kind == "yarn":
        made["rope.scaling.original_context_length"] = int(first or kept.config["max_position_embeddings"])
        made |= {f"rope.scaling.yarn_{name}": float(rope[name]) for name in ("beta_fast", "beta_slow") if rope.get(name)}
    if kind == "longrope":
        made["rope.scaling.original_context_length"] = int(first or kept.config["max_position_embeddings"])
    if kind in ("yarn", "longrope") and rope.get("attention_factor") is not None:
        usual = 0.1 * math.log(rope["factor"]) + 1.0 if kind == "yarn" and rope["factor"] > 1 else 1.0
        made["rope.scaling.attn_factor"] = float(rope["attention_factor"]) / usual
    if kind not in ("default", "linear", "yarn", "longrope", "llama3"):
        raise UserError(f"rotary positions of the kind '{kind}' are not written as GGUF", hint=ANOTHER)
    return made


def _rope(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """(of all layers, or of those that see all; of those that see a window, where they have their own)."""
    rope = config["rope_parameters"]
    return (rope["full_attention"], rope["sliding_attention"]) if "full_attention" in rope else (rope, None)


def factors_of(kept: Kept) -> dict[str, list[float]]:
    """Tensors by which frequencies are divided, where a file keeps the scaling of positions so."""
    if not kept.family.rotary:
        return {}
    rope, _ = _rope(kept.config)
    if rope.get("rope_type") == "longrope":
        return {LONG: list(map(float, rope["long_factor"])), SHORT: list(map(float, rope["short_factor"]))}
    if rope.get("rope_type") != "llama3":
        return {}
    head = kept.config.get("head_dim") or kept.config["hidden_size"] // kept.config["num_attention_heads"]
    scaling = (rope["factor"], rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"])
    return {FREQUENCIES: llama3_factors(*scaling, rope["rope_theta"], head)}


def _unusual_windows(kept: Kept) -> list[bool]:
    """Which blocks look at a window only; empty where the architecture's own rule says the same."""
    near = [kind == "sliding_attention" for kind in kept.config.get("layer_types") or ()]
    usual = [bool((index + 1) % kept.family.windows) for index in range(len(near))]
    return near if near != usual else []


def refuse_lost(file: Path, kept: Kept) -> None:
    """Raises UserError where the file, read again, is of another model: something of the configuration has no key."""
    from transformers import AutoConfig

    back: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in config_of(read_header(file), kept.family).items()
    }
    found = told_by(AutoConfig.for_model(**back))
    for key in sorted({*found, *kept.config} - _OF_NO_ANSWER):
        ours, theirs = _effective(kept.config, key), _effective(found, key)
        if not (_alike(ours, theirs) or (key not in found and not ours) or (key not in kept.config and not theirs)):
            said = f"{key} = {_short(ours)} of a '{kept.architecture}' model: read again it is {_short(theirs)}"
            problem = f"llama.cpp's format cannot say {said}"
            raise UserError(problem, hint=ANOTHER)


def _effective(config: Mapping[str, Any], key: str) -> Any:
    """The width of heads need not be said where heads share the model's, nor gpt2's inner one; an activation has two names."""
    value = config.get(key)
    if key == "n_inner" and value is None and "n_embd" in config:
        return 4 * config["n_embd"]
    if key == "hidden_activation" and value is None:
        return config.get("hidden_act")
    if key == "head_dim" and value is None and "num_attention_heads" in config:
        return config["hidden_size"] // config["num_attention_heads"]
    return value


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        usual = {"partial_rotary_factor": 1.0}
        return all(_alike(one.get(key, usual.get(key)), other.get(key, usual.get(key))) for key in {*one, *other})
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_EXACT)
    return bool(one == other)


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."
