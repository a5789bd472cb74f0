"""Numbers that were counted or measured, told from those that name classes; and how far off a judged degree may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.propose.columns import words
from rung.propose.columns.words import Name
from rung.types import Example
from rung.verify.column import ColumnReading, read_column
from rung.verify.numbers import read_number

MOST_CODES = 20  # different whole numbers, up to which they may be classes whatever they are called
FEWEST_COUNTED = 10
LARGEST_DEGREE = 10.0
SHARE_OF_RANGE = 0.1
SHOWN = 0.2
COUNTED = frozenset(
    [
        "count",
        "number",
        "total",
        "amount",
        "price",
        "age",
        "quantity",
        "sum",
        "hours",
        "minutes",
        "days",
        "years",
        "cost",
        "result",
        "value",
        "anzahl",
        "betrag",
    ]
)
CODED = words.LABEL | words.CLASS | words.KIND | words.CODED


def are_quantities(targets: Sequence[Any], column: str) -> bool:
    """Whether nearly all targets are numbers of which a near one is nearly right: decimals, counts, many different ones.

    `column` is what the targets are called: the 77 numbers under `label` are codes of classes, those under `answer` were counted.
    """
    shown = read_column(targets)
    if shown.kind != "number":
        return False
    values = set(_values(targets, shown))
    if any(value % 1 for value in values):
        return True
    called = Name(column).known
    if len(values) > MOST_CODES:
        return not called & (CODED - words.RATED)
    return len(values) > FEWEST_COUNTED and bool(called & (COUNTED | words.ANSWER))


def tolerance(examples: Sequence[Example]) -> float | None:
    """How far off a degree may be, a tenth of its range; None where the numbers are no degrees.

    A degree has decimals, lies within 0 and 10, and is judged: it does not stand in the question, as a price would.
    """
    targets = [example.target for example in examples]
    shown = read_column(targets)
    values = [] if shown.doubt else _values(targets, shown)
    if not values or not any(value % 1 for value in values) or min(values) < 0 or max(values) > LARGEST_DEGREE:
        return None
    questions = [str(example.messages[-1].get("content") or "") for example in examples]
    said = sum(str(target) in question for target, question in zip(targets, questions, strict=True))
    span = max(values) - min(values)
    return float(f"{SHARE_OF_RANGE * span:.1g}") if said < SHOWN * len(examples) and span else None


def _values(targets: Sequence[Any], shown: ColumnReading) -> list[float]:
    return [float(number.value) for target in targets if (number := read_number(target, shown.form))]
