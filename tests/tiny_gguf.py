"""A tiny model folder as the GGUF that llama.cpp's converter would write: its names, its order of rows, its keys.

Names come from the table of the package `gguf`, which is llama.cpp's own, so that reading them back is held to another source.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ARCHITECTURES = {
    "mistral": "llama",
    "mixtral": "llama",
    "gemma3_text": "gemma3",
    "qwen3_moe": "qwen3moe",
    "cohere": "command-r",
    "ernie4_5": "ernie4_5",
}
PAIRED = ("llama", "granite", "smollm3")
KEYS = {
    "max_position_embeddings": "context_length",
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "norm_epsilon": "attention.layer_norm_epsilon",
    "layer_norm_eps": "attention.layer_norm_epsilon",
    "vocab_size": "vocab_size",
    "sliding_window": "attention.sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "attention_multiplier": "attention.scale",
    "embedding_multiplier": "embedding_scale",
    "residual_multiplier": "residual_scale",
    "logits_scaling": "logit_scale",
    "logit_scale": "logit_scale",
    "num_experts": "expert_count",
    "num_local_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "moe_intermediate_size": "expert_feed_forward_length",
}


@dataclass(kw_only=True)
class Draft:
    """What a GGUF will hold; tests change it before it is written. `kinds` quantises tensors by name ("Q8_0")."""

    architecture: str
    metadata: dict[str, Any]
    tensors: dict[str, np.ndarray]
    kinds: dict[str, str] = field(default_factory=dict)

    def key(self, name: str) -> str:
        return f"{self.architecture}.{name}"

    def write(self, path: Path, *, only: Callable[[str], bool] = lambda _: True, extra: Mapping[str, Any] | None = None) -> Path:
        """Writes the tensors whose names `only` takes."""
        import gguf

        path.parent.mkdir(parents=True, exist_ok=True)
        writer = gguf.GGUFWriter(path, self.architecture)
        for key, value in (self.metadata | dict(extra or {})).items():
            _add(writer, key, value)
        for name, tensor in self.tensors.items():
            if only(name):
                _add_tensor(writer, name, tensor, self.kinds.get(name))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


class Typed:
    """A value that is written with a type of its own ("INT32")."""

    def __init__(self, value: Any, kind: str) -> None:
        self.value, self.kind = value, kind


def _add(writer: Any, key: str, value: Any) -> None:
    import gguf

    if isinstance(value, Typed):
        writer.add_key_value(key, value.value, gguf.GGUFValueType[value.kind])
    elif isinstance(value, list):
        writer.add_array(key, value)
    else:
        kinds = {bool: "BOOL", int: "UINT32", float: "FLOAT32", str: "STRING"}
        writer.add_key_value(key, value, gguf.GGUFValueType[kinds[type(value)]])


def _add_tensor(writer: Any, name: str, tensor: np.ndarray, kind: str | None) -> None:
    import gguf

    if kind is None:
        writer.add_tensor(name, np.ascontiguousarray(tensor))
    else:
        number = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(tensor), number), raw_dtype=number)


def draft_of(folder: Path, *, pre: str = "gpt-2") -> Draft:
    """The draft of a folder with a byte-level tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.from_pretrained(folder)
    name = ARCHITECTURES.get(config.model_type, config.model_type)
    values = config.to_dict()
    metadata = {f"{name}.{KEYS[key]}": value for key, value in values.items() if key in KEYS and value is not None}
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    metadata |= {f"{name}.attention.key_length": head, f"{name}.attention.value_length": head}
    metadata |= _rotary(name, values, head)
    metadata |= tokenizer_keys(AutoTokenizer.from_pretrained(folder), pre)
    model = AutoModelForCausalLM.from_pretrained(folder)
    return Draft(architecture=name, metadata=metadata, tensors=_tensors(name, model, config))


def _rotary(name: str, values: Mapping[str, Any], head: int) -> dict[str, Any]:
    rope = values["rope_parameters"]
    near = rope.get("sliding_attention")
    rope = rope.get("full_attention", rope)
    made: dict[str, Any] = {"rope.freq_base": float(rope["rope_theta"])}
    made["rope.dimension_count"] = int(head * rope.get("partial_rotary_factor", 1.0))
    if near:
        made["rope.freq_base_swa"] = float(near["rope_theta"])
    if rope["rope_type"] in ("linear", "yarn"):
        made |= {"rope.scaling.type": rope["rope_type"], "rope.scaling.factor": float(rope["factor"])}
    if rope["rope_type"] == "yarn":
        made["rope.scaling.original_context_length"] = rope["original_max_position_embeddings"]
    return {f"{name}.{key}": value for key, value in made.items()}


def tokenizer_keys(tokenizer: Any, pre: str) -> dict[str, Any]:
    """Of a byte-level tokenizer."""
    core = json.loads(tokenizer.backend_tokenizer.to_str())
    places = core["model"]["vocab"] | {token["content"]: token["id"] for token in core["added_tokens"]}
    words = sorted(places, key=places.__getitem__)
    special = {token["content"]: 3 if token["special"] else 4 for token in core["added_tokens"]}
    made = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.token_type": [special.get(word, 1) for word in words],
        "tokenizer.ggml.merges": [merge if isinstance(merge, str) else " ".join(merge) for merge in core["model"]["merges"]],
        "tokenizer.ggml.bos_token_id": tokenizer.bos_token_id,
        "tokenizer.ggml.eos_token_id": tokenizer.eos_token_id,
        "tokenizer.ggml.padding_token_id": tokenizer.pad_token_id,
        "tokenizer.ggml.unknown_token_id": tokenizer.unk_token_id,
    }
    return made | ({"tokenizer.chat_template": tokenizer.chat_template} if tokenizer.chat_template else {})


def _tensors(architecture: str, model: Any, config: Any) -> dict[str, np.ndarray]:
    import gguf

    number = next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    made: dict[str, np.ndarray] = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        for part, numbers in _parts(name, tensor.float().numpy()):
            stored = names.get_name(part, try_suffixes=(".weight", ".bias"))
            assert stored, f"llama.cpp has no name for {part}"
            made[stored] = _stored(architecture, config, part, numbers)
    return made


def _parts(name: str, numbers: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Experts' gates and ups lie on top of each other in transformers, apart in llama.cpp."""
    if not name.endswith("experts.gate_up_proj"):
        return [(f"{name}.weight" if name.endswith("experts.down_proj") else name, numbers)]
    half = numbers.shape[1] // 2
    stem = name.removesuffix("gate_up_proj")
    return [(f"{stem}gate_proj.weight", numbers[:, :half]), (f"{stem}up_proj.weight", numbers[:, half:])]


def _stored(architecture: str, config: Any, name: str, numbers: np.ndarray) -> np.ndarray:
    if architecture in PAIRED and any(f".{part}_proj." in name for part in "qk"):
        heads = config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads
        apart = numbers.reshape(heads, 2, -1, math.prod(numbers.shape[1:]))
        return apart.swapaxes(1, 2).reshape(numbers.shape)
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return numbers + 1
    return numbers
