"""How a file's answers can be scored: of what kind they are, the scorer for that kind, and a bar to begin with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rung import plugins
from rung.data.calls import looks_like_calls
from rung.data.read.where import as_text, number
from rung.propose.columns import is_closed_set
from rung.propose.lists import ListKind, lists_in
from rung.types import Example

Kind = ListKind | Literal["closed set", "number", "JSON object", "tool calls", "short text", "text"]
SHORT_CHARS = 40
BARS: dict[Kind, float] = {
    **dict.fromkeys(("label list", "alternatives", "required items", "tool calls", "short text"), 0.5),
    **dict.fromkeys(("references", "text"), 0.3),
    "number": 0.7,
    "JSON object": 0.8,
}
FUZZY_CHARS = 25
DATE = re.compile(
    r"^\d{4}-\d{1,2}-\d{1,2}|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$|^\d{1,2} [A-Z][a-z]+ \d{4}$|^[A-Z][a-z]+ \d{1,2}, \d{4}$"
)


def kind_of(examples: Sequence[Example], column: str = "") -> tuple[Kind, dict[str, int]]:
    """Of what kind the targets are; and of a closed set each class with its rows, the most frequent first.

    `column` is what the column of targets is called.
    """
    targets = [example.target for example in examples]
    if _are_calls(examples):
        return "tool calls", {}
    if all(isinstance(target, dict) for target in targets):
        return "JSON object", {}
    if (lists := lists_in(targets, column)) is not None:
        return lists.kind, {}
    texts = Counter(as_text(target) for target in targets)
    if is_closed_set(texts):
        return "closed set", dict(texts.most_common())
    if all(number(target) is not None for target in targets):
        return "number", {}
    short = sum(len(as_text(target)) <= SHORT_CHARS for target in targets) >= 0.9 * len(targets)
    return ("short text" if short else "text"), {}


def _are_calls(examples: Sequence[Example]) -> bool:
    targets = [example.target for example in examples]
    if any(isinstance(target, list) and target and looks_like_calls(target) for target in targets):
        return True
    offered = any(example.tools for example in examples)
    return offered and all(isinstance(target, list | dict) and looks_like_calls(target) for target in targets)


def scorer_for(kind: Kind, examples: Sequence[Example]) -> tuple[str, dict[str, Any]]:
    """The first scorer that says of itself that it is for answers of this kind, and the settings to begin with."""
    proposed = {name: getattr(plugins.load("scorers", name), "PROPOSED", {}) for name in plugins.names("scorers")}
    name = next(name for name, kinds in proposed.items() if kind in kinds)
    fields = {"fields": _fields([example.target for example in examples])} if kind == "JSON object" else {}
    lists = lists_in([example.target for example in examples]) if kind == "label list" else None
    return name, {**proposed[name][kind], **fields, **(lists.settings if lists else {})}


def _fields(targets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """How each field is compared: as a number, a date, text that may differ a little, or exactly."""
    names = dict.fromkeys(name for target in targets for name in target)
    return {name: _field([target[name] for target in targets if target.get(name) is not None]) for name in names}


def _field(values: Sequence[Any]) -> str:
    if not values or not all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in values):
        return "exact"
    texts = [as_text(value) for value in values]
    if all(number(text) is not None for text in texts):
        return "number"
    if all(DATE.match(text) for text in texts):
        return "date"
    closed = is_closed_set(Counter(texts))
    return "fuzzy" if not closed and sum(map(len, texts)) / len(texts) > FUZZY_CHARS else "exact"


def bar_for(kind: Kind, classes: Mapping[str, int]) -> float:
    """For a closed set at least half of what always giving the commonest answer leaves to gain."""
    if kind == "closed set":
        share = max(classes.values()) / sum(classes.values())
        return min(0.99, round(max(0.8, share + (1 - share) / 2), 2))
    return BARS[kind]
