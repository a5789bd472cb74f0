"""Where transformers' modelling code asks for attention: what it hands over there, and who answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from torch import Tensor, nn

from rung.errors import UserError

# The names of this engine's attention functions among transformers' own: while a base is looked at, and while it computes.
LOOKING, COMPUTING = "rung_looking", "rung"
# What comes beside queries, keys and values and does not change what is computed: positions are in the keys already, and which
# tokens are seen is read from the mask that the base asks for.
_TELLS_NOTHING = frozenset(
    {"position_ids", "cache_position", "sliding_window", "use_cache", "past_key_values", "past_key_value", "is_causal", "training"}
    | {"output_attentions", "output_hidden_states", "output_router_logits", "return_dict", "logits_to_keep", "layer_head_mask"}
)
_SINKS, _CAPS = ("s_aux", "sinks"), ("softcap", "logits_soft_cap")

# (module, queries, keys, values, mask, what else is asked) -> attended; all as transformers hands them over.
Answerer = Callable[[nn.Module, Tensor, Tensor, Tensor, Any, Mapping[str, Any]], Tensor]


class NotHooked(UserError):
    """Why a base cannot be computed with this engine's attention: its message is a half sentence that begins with what it does."""


def answer_with(module: nn.Module, answerer: Answerer) -> None:
    """Let this answer for every attention within a model."""
    for part in module.modules():
        part.__dict__["_rung_attention"] = answerer


def scale_of(asked: Mapping[str, Any]) -> float | None:
    """None where the base names none: 1 / sqrt(width)."""
    found = asked.get("scaling")
    return None if found is None else float(found)


def cap_of(asked: Mapping[str, Any]) -> float:
    """0 for none."""
    return next((float(asked[name]) for name in _CAPS if asked.get(name)), 0.0)


def sinks_of(asked: Mapping[str, Any]) -> Tensor | None:
    """(heads,), or None."""
    found: Tensor | None = next((asked[name] for name in _SINKS if asked.get(name) is not None), None)
    return found


def unknown_in(asked: Mapping[str, Any]) -> list[str]:
    """What the base asks of its attention that this engine does not compute."""
    known = {"scaling", "dropout", *_SINKS, *_CAPS} | _TELLS_NOTHING
    return sorted(name for name, value in asked.items() if name not in known and value is not None and value is not False)


@cache
def register() -> None:
    """Once a process, in transformers' own tables. A base that computes gets no mask: the layout knows who sees whom."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(LOOKING, _attend)
    AttentionInterface.register(COMPUTING, _attend)
    AttentionMaskInterface.register(LOOKING, AskedMask)


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any = None, **asked: Any
) -> tuple[Tensor, None]:
    """As transformers calls it: (1, heads, n, width) each; gives (1, n, heads, value width)."""
    answerer: Answerer = module.__dict__["_rung_attention"]
    return answerer(module, query, key, value, attention_mask, asked), None


class AskedMask:
    """What a base asks of transformers' masks: a rule over places, and the size that it names (a window's, a chunk's)."""

    def __init__(self, *, mask_function: Callable[[Any, Any, Any, Any], Any], **settings: Any) -> None:
        self.rule, self.size = mask_function, int(settings.get("local_size") or 0)
