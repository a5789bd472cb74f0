"""The transformers configuration that a GGUF's metadata say. What they do not say, or nothing here computes, is refused by key."""

from __future__ import annotations

from typing import Any

from rung.engine.bases.gguf.families import FAMILIES, KINDS_OF_FILE, NO_DECODERS, Family
from rung.engine.bases.gguf.header import COPY_AGAIN, Gguf
from rung.engine.bases.gguf.keys import SERVE, Keys
from rung.engine.bases.gguf.rope import FREQUENCIES, LONG, SHORT, rope_parameters

ANOTHER = "Name the file of the model itself: one that is made to answer (instruct, chat)."
# Gemma's largest divide the scores of attention by another width than the head's; llama.cpp knows them by their blocks.
_SCORED_BY_SHARE = {"gemma2": 46, "gemma3": 62}


def family_of(gguf: Gguf) -> Family:
    """Raises UserError for a file that is no language model, and for an architecture that is not in the table."""
    kind = str(gguf.metadata.get("general.type", "model"))
    if kind in KINDS_OF_FILE:
        raise gguf.refusal(f"the file is {KINDS_OF_FILE[kind]}", ANOTHER, key="general.type")
    name = gguf.architecture
    if not name:
        raise gguf.refusal("the file does not say what architecture it is of", COPY_AGAIN, key="general.architecture")
    if name in NO_DECODERS:
        raise gguf.refusal(f"the file is {NO_DECODERS[name]}", ANOTHER, key="general.architecture")
    if not gguf.tensors:
        raise gguf.refusal("the file holds no tensors: a vocabulary without a model", ANOTHER)
    if name == "llama" and gguf.metadata.get("llama.expert_count"):
        name = "llama with experts"
    if name not in FAMILIES:
        known = ", ".join(sorted(name for name in FAMILIES if " " not in name))
        told = f"GGUF files of the architecture '{name}' are not read; those of {known} are"
        raise gguf.refusal(told, f"Name the model's own folder (safetensors). Or: {SERVE}", key="general.architecture")
    return FAMILIES[name]


def config_of(gguf: Gguf, family: Family) -> dict[str, Any]:
    """`model_type` and all that the file says, under transformers' names. Raises UserError."""
    keys = Keys(gguf)
    width, heads = keys.count("embedding_length"), keys.count("attention.head_count")
    if width % heads and not keys.has("attention.key_length"):
        raise keys.refusal("attention.head_count", f"{heads} heads do not divide a width of {width}")
    config = _shape(keys, family, width, heads) | {family.epsilon[1]: keys.number(family.epsilon[0])}
    config |= {name: _setting(keys, key) for key, name in family.settings.items()}
    config |= {name: keys.number(key) for key, name in family.optional.items() if keys.get(key)}
    config |= {name: tensor in gguf.tensors for name, tensor in family.biases.items()}
    config |= _positions(keys, family, config)
    config |= _particulars(keys, family, config)
    _check_vocabulary(keys, config["vocab_size"])
    keys.check_all_known()
    tied = "output.weight" not in gguf.tensors
    return {**config, **family.fixed, "model_type": family.model_type, "tie_word_embeddings": tied}


def _shape(keys: Keys, family: Family, width: int, heads: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": keys.count("attention.head_count_kv", heads),
        "num_hidden_layers": keys.count("block_count"),
        "max_position_embeddings": keys.count("context_length"),
        "intermediate_size": keys.count("feed_forward_length", 1 if "moe_intermediate_size" in family.settings.values() else None),
        "vocab_size": _rows(keys.gguf, "token_embd.weight"),
    }
    if heads % config["num_key_value_heads"]:
        raise keys.refusal("attention.head_count_kv", f"{config['num_key_value_heads']} do not divide {heads} heads")
    head = keys.count("attention.key_length", width // heads)
    if keys.count("attention.value_length", head) != head:
        raise keys.refusal(
            "attention.value_length", f"values are {keys.count('attention.value_length')} wide and keys {head}", SERVE
        )
    if not family.key_width and head != width // heads:
        raise keys.refusal("attention.key_length", f"heads of {head}, where {width} among {heads} make {width // heads}")
    if family.model_type == "gpt2":
        names = {"hidden_size": "n_embd", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer"}
        names |= {"max_position_embeddings": "n_positions", "intermediate_size": "n_inner", "vocab_size": "vocab_size"}
        return {new: config[old] for old, new in names.items()}
    return config | ({"head_dim": head} if family.key_width else {})


def _rows(gguf: Gguf, name: str) -> int:
    if name not in gguf.tensors:
        raise gguf.refusal("the tensor is missing", COPY_AGAIN, key=name)
    return gguf.tensors[name].shape[0]


def _setting(keys: Keys, key: str) -> int | float:
    value = keys.get(key)
    return keys.count(key) if isinstance(value, int) or value is None else keys.number(key)


def _positions(keys: Keys, family: Family, config: dict[str, Any]) -> dict[str, Any]:
    turning = [name for name in (FREQUENCIES, LONG, SHORT) if name in keys.gguf.tensors]
    if not family.rotary:
        if turning:
            raise keys.gguf.refusal("the model has no rotary positions", COPY_AGAIN, key=turning[0])
        return {}
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    turned = keys.count("rope.dimension_count", head)
    if turned > head or (turned != head and not family.partial):
        raise keys.refusal("rope.dimension_count", f"{turned} numbers turn, of heads of {head}", SERVE)
    rope = rope_parameters(keys, turned, config["max_position_embeddings"])
    if family.partial:
        rope["partial_rotary_factor"] = turned / head
    if family.model_type != "gemma3_text":
        return {"rope_parameters": rope}
    near = {"rope_type": "default", "rope_theta": keys.number("rope.freq_base_swa", 10000.0)}
    return {"rope_parameters": {"full_attention": rope, "sliding_attention": near}}


def _particulars(keys: Keys, family: Family, config: dict[str, Any]) -> dict[str, Any]:
    """What only some say: windows, the width that scores are divided by."""
    made: dict[str, Any] = {}
    blocks = config.get("num_hidden_layers", 0)
    if family.windows:
        made["layer_types"] = _layer_types(keys, family.windows, blocks)
        share = blocks == _SCORED_BY_SHARE[keys.gguf.architecture]
        made["query_pre_attn_scalar"] = config["hidden_size"] // config["num_attention_heads"] if share else config["head_dim"]
    if family.model_type == "phi3":
        # 0 says that there is none; a file from before the key leaves open what the model was trained with.
        if not keys.has("attention.sliding_window"):
            raise keys.refusal("attention.sliding_window", "the key is missing")
        made["sliding_window"] = keys.get("attention.sliding_window") or None
        made["original_max_position_embeddings"] = keys.count(
            "rope.scaling.original_context_length", config["max_position_embeddings"]
        )
    return made


def _layer_types(keys: Keys, every: int, blocks: int) -> list[str]:
    """The last of `every` blocks sees all, the others a window; or as the file says, block by block."""
    pattern = keys.get("attention.sliding_window_pattern")
    if isinstance(pattern, list):
        if len(pattern) != blocks or not all(isinstance(each, bool) for each in pattern):
            raise keys.refusal("attention.sliding_window_pattern", f"not true or false for each of {blocks} blocks")
        near = pattern
    else:
        period = every if pattern is None else keys.count("attention.sliding_window_pattern")
        near = [bool((index + 1) % period) for index in range(blocks)]
    return ["sliding_attention" if each else "full_attention" for each in near]


def _check_vocabulary(keys: Keys, rows: int) -> None:
    if keys.count("vocab_size", rows) != rows:
        raise keys.refusal("vocab_size", f"{keys.count('vocab_size')} tokens, and the embedding (token_embd.weight) has {rows}")
    tokens = keys.gguf.metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, list) and len(tokens) != rows:
        told = f"{len(tokens)} tokens, and the embedding (token_embd.weight) has {rows}"
        raise keys.gguf.refusal(told, COPY_AGAIN, key="tokenizer.ggml.tokens")
