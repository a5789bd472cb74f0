"""A transformers configuration as its own class reads it: what it leaves out is that class's default, not ours."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung.engine.bases.checkpoint import read_json
from rung.engine.bases.quiet import quiet
from rung.errors import UserError

# Names that GGUF files and older folders have for what transformers computes under another.
_CLASS_OF = {"smollm": "llama"}
# Where classes say how many positions there are.
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "context_length")


# Of a decoder, what the sizes of its weights follow from.
SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
)


def filled(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The configuration with what it leaves to its class written out, rotary settings under `rope_parameters` alone.

    Raises UserError for one that the class does not take. What no class of transformers reads comes back as it is.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING

    kind = str(raw.get("model_type"))
    kind = _CLASS_OF.get(kind, kind)
    if kind not in CONFIG_MAPPING:
        return dict(raw)
    _refuse_odd_numbers(raw, where)
    try:
        with quiet():
            read = CONFIG_MAPPING[kind].from_dict(copy.deepcopy(dict(raw))).to_dict()
    except (ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError, StrictDataclassError) as error:
        said = " ".join(str(error).split())[:300]
        hint = "Copy or download it again, as it was published."
        raise UserError(f"the configuration cannot be read: {said}", where=where, hint=hint) from error
    _refuse_unread_scaling(raw, read, where)
    return {**raw, **read, "model_type": raw["model_type"]}


def _refuse_odd_numbers(raw: Mapping[str, Any], where: str, within: str = "") -> None:
    """Numbers that no model has, and that libraries meet only when they divide by them, or never."""
    for key, value in raw.items():
        named = f"{within}{key}"
        if isinstance(value, Mapping):
            _refuse_odd_numbers(value, where, f"{named}.")
            continue
        problem = "not a finite number" if isinstance(value, float) and not math.isfinite(value) else ""
        if key in SIZES and isinstance(value, int) and (isinstance(value, bool) or value < 1):
            problem = "not a whole number above 0"
        if key == "rope_theta" and (isinstance(value, bool | str) or (isinstance(value, int | float) and value <= 0)):
            problem = "not a number above 0"
        if problem:
            hint = "Copy or download it again, as it was published."
            raise UserError(f"{named} is {value!r}, {problem}", where=where, hint=hint)


def whole(config: Mapping[str, Any], key: str, where: str) -> int:
    """A setting that is a whole number above nothing. Raises UserError."""
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        hint = "Copy or download it again, as it was published."
        raise UserError(f"{key} is {value!r}, not a whole number above 0", where=where, hint=hint)
    return value


def context_tokens(folder: Path) -> int | None:
    """The tokens that a model reads at most, its answer included; None where its configuration knows no end.

    Raises UserError for a configuration that cannot be read.
    """
    where = str(folder / "config.json")
    config = filled(read_json(folder / "config.json"), where)
    part = config.get("text_config")
    places = [config, part] if isinstance(part, Mapping) else [config]
    named = [(place, key) for place in places for key in _POSITIONS if place.get(key) is not None]
    return whole(*named[0], where) if named else None


def _refuse_unread_scaling(raw: Mapping[str, Any], read: Mapping[str, Any], where: str) -> None:
    """A factor without the kind that it belongs to: the class would drop it."""
    rope = read.get("rope_parameters")
    asked = raw.get("rope_scaling") or raw.get("rope_parameters")
    if (
        isinstance(rope, Mapping)
        and rope.get("rope_type") == "default"
        and isinstance(asked, Mapping)
        and asked.get("factor", 1) != 1
    ):
        hint = "Say which: add rope_type, as the model was published with, or take the factor out."
        raise UserError("rotary positions have a factor, and no kind of scaling that uses it", where=where, hint=hint)
