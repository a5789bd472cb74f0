"""`where` of a bar: the rows that it is about, in the words of `data.where` (`rung.data.read.where`).

`target` is the row's target, `answer` what the answer was read as, anything else a column of the user's file. Which rows have a
target or a column's value is fixed before any answer is seen; which have an answer is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rung.data.read.where import as_text, condition, listed, same
from rung.types import Bar, Example
from rung.verify.scoring import BoundScorer

TARGET, ANSWER = "target", "answer"
OWN = (TARGET, ANSWER)

Test = Callable[[Any], str | None]


def columns_of(bar: Bar) -> tuple[str, ...]:
    """The columns of the user's file that the bar names."""
    return tuple(column for column in bar.where if column not in OWN)


def tests_of(where: Mapping[str, Any], key: str = "where") -> dict[str, Test]:
    """A test for each condition. Raises UserError for what is no condition."""
    return {column: condition(column, wanted, f"{key}.{column}") for column, wanted in where.items()}


def is_about(bar: Bar, scorer: BoundScorer, example: Example, tests: Mapping[str, Test]) -> bool:
    """Whether a bar is about a row, as far as the row says: all its conditions but the one on the answer."""
    return all(_met(test, _value(column, scorer, example)) for column, test in tests.items() if column != ANSWER)


def _value(column: str, scorer: BoundScorer, example: Example) -> Any:
    if column != TARGET:
        return example.slices.get(column)
    label = scorer.target_label(example)
    return example.target if label is None else label


def _met(test: Test, value: Any) -> bool:
    """A list meets a condition where one of its items does."""
    if isinstance(value, list | tuple):
        return any(test(item) is None for item in value)
    return test(value) is None


def strangers(wanted: Any, classes: Sequence[str]) -> list[str]:
    """The values that a condition names and that are none of the classes."""
    named = [wanted[2:].strip()] if isinstance(wanted, str) and wanted.startswith("!=") else listed(wanted)
    return [as_text(value) for value in named if not any(same(value, known) for known in classes)]
