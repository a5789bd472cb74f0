"""Targets that are lists, in files whose cells hold text alone: `["a", "b"]` as JSON or as Python writes it becomes the list."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.data.read.formats import parse_json
from rung.data.read.rows import RowError
from rung.types import Example

MOST_ODD = 0.05  # of the targets, that may be no list where the others are
LONGEST = 20_000  # characters of a list that is written in Python


def with_lists(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Rows with lists in the place of their texts, where all but a few targets are such and some list has several items.

    The rest stay the text that they are. Lists of one are left alone where there are no others: [1] may be a note.
    """
    if not any(isinstance(row.target, str) and row.target.startswith("[") for row in examples):
        return tuple(examples)
    found = [_list_in(row.target) for row in examples]
    lists = [value for value in found if value is not None]
    if len(lists) < (1 - MOST_ODD) * len(examples) or max(map(len, lists)) < 2:
        return tuple(examples)
    return tuple(row if value is None else replace(row, target=value) for row, value in zip(examples, found, strict=True))


def _list_in(target: Any) -> list[Any] | None:
    """The list of plain values that a target is, or that its text says."""
    value = target
    if isinstance(target, str):
        if not (target.startswith("[") and target.endswith("]")):
            return None
        try:
            value = parse_json(target)
        except RowError:
            value = _in_python(target)
    plain = isinstance(value, list) and all(isinstance(item, str | int | float | None) for item in value)
    return list(value) if plain else None


def _in_python(text: str) -> Any:
    try:
        return ast.literal_eval(text) if len(text) <= LONGEST else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
