"""`data.where`: which rows of a file take part, as a mapping of column to what its value must be.

sentiment: [positive, negative]     one of these
language: en                        equal
confidence: ">= 0.65"               compared as a number: >= <= > <
status: "!= draft"                  anything else
label: not empty                    filled
"""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from rung.errors import UserError, did_you_mean

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
CONDITION = re.compile(r"^\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*$")
QUANTITY = re.compile(r"^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$")  # without zeros before it
REMEMBERED_VALUES = 1000


class Filter:
    """Passes rows on, and remembers why rows were left out and which columns and values the file had."""

    def __init__(self, conditions: Mapping[str, Any] | None, shown: str) -> None:
        self.tests = {column: condition(column, wanted) for column, wanted in (conditions or {}).items()}
        self.listed = {column: listed(wanted) for column, wanted in (conditions or {}).items() if listed(wanted)}
        self.seen_values: dict[str, set[str]] = {column: set() for column in self.listed}
        self.seen_columns: set[str] = set()
        self.skipped: Counter[str] = Counter()
        self.shown = shown

    def keeps(self, row: Mapping[str, Any]) -> bool:
        """Whether every condition holds. A missing or incomparable value fails, and is counted under its own reason."""
        self.seen_columns.update(row)
        for column, values in self.seen_values.items():
            if len(values) < REMEMBERED_VALUES and row.get(column) is not None:
                values.add(as_text(row[column]))
        reason = next((reason for column, test in self.tests.items() if (reason := test(row.get(column)))), None)
        if reason:
            self.skipped[reason] += 1
        return reason is None

    def check_names(self) -> None:
        """Raises UserError, with the nearest name, for a column that no row has or a listed value that no row holds."""
        for column in self.tests:
            if self.seen_columns and column not in self.seen_columns:
                hint = did_you_mean(column, self.seen_columns)
                raise UserError(f"data.where: no row of {self.shown} has a column '{column}'", where="data.where", hint=hint)
        for column, wanted in self.listed.items():
            values = self.seen_values[column]
            for value in wanted:
                if values and len(values) < REMEMBERED_VALUES and not any(same(value, seen) for seen in values):
                    hint = did_you_mean(as_text(value), sorted(values)[:30])
                    raise UserError(f"data.where: no row has {column}: {as_text(value)}", where="data.where", hint=hint)


def as_text(value: Any) -> str:
    """A value as it would stand in a CSV cell."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value).strip()


def same(wanted: Any, value: Any) -> bool:
    """Equal as text; in any case where a truth is wanted; as numbers where a number is wanted.

    What is wanted is what its user wrote: 01234 is no number, and 1.10 is none among texts, where it may be a version or a page.
    """
    told, found = as_text(wanted), as_text(value)
    if told == found:
        return True
    if told in ("true", "false"):
        return told == found.casefold()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(QUANTITY.match(told)) and number(told) == value
    return _is_plain_number(told) and _is_plain_number(found) and number(told) == number(found)


def _is_plain_number(text: str) -> bool:
    """Whether a text is a number in the one way in which Python writes it."""
    value = number(text) if QUANTITY.match(text) else None
    return value is not None and text in (repr(value), repr(int(value)))


def number(value: Any) -> float | None:
    """The number that a cell holds, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def listed(wanted: Any) -> list[Any]:
    """The values that a condition names one by one; empty for a comparison."""
    if isinstance(wanted, (list, tuple)):
        return list(wanted)
    special = isinstance(wanted, str) and (CONDITION.match(wanted) or wanted.startswith("!=") or wanted == "not empty")
    return [] if special else [wanted]


def condition(column: str, wanted: Any, key: str = "data.where") -> Callable[[Any], str | None]:
    """A test that gives None where a value passes, else the reason against it. Raises UserError for what is no condition."""
    if wanted is None or isinstance(wanted, Mapping) or wanted == []:
        hint = "Give a value, a list of values, a comparison such as '>= 0.65', '!= value', or 'not empty'."
        raise UserError(f"{key}: {column}: {wanted!r} is no condition", where=key, hint=hint)
    if isinstance(wanted, str) and (match := CONDITION.match(wanted)):
        return _comparison(column, match[1], float(match[2]))
    if isinstance(wanted, str) and wanted.startswith("!="):
        unwanted = wanted[2:].strip()
        return lambda value: f"{column} is {unwanted or 'empty'}" if same(unwanted, "" if value is None else value) else None
    if wanted == "not empty":
        return lambda value: f"{column} is empty" if value is None or not as_text(value) else None
    values = listed(wanted)
    reason = f"{column} is not {' or '.join(map(as_text, values))}"
    return lambda value: None if value is not None and any(same(w, value) for w in values) else reason


def _comparison(column: str, sign: str, bound: float) -> Callable[[Any], str | None]:
    compare = COMPARISONS[sign]

    def test(value: Any) -> str | None:
        found = number(value)
        if found is None:
            return f"{column} is empty" if value is None or not as_text(value) else f"{column} is not a number"
        return None if compare(found, bound) else f"{column} is not {sign} {bound:g}"

    return test
