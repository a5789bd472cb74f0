"""The train rows that an adapter or a full fine-tune learns from: all, or a drawn sample where all would take hours."""

from __future__ import annotations

from collections.abc import Sequence

from rung.data.findings import texts
from rung.data.sample import sample
from rung.json_form import canonical_json
from rung.parts import USUAL_PACE, Pace
from rung.rungs.base import labelled
from rung.types import Example, Task

# What two cores train on in about ten minutes with a base of 135 million weights.
TOKENS = 250_000
# Seconds of training that is for, where the machine's pace is known.
TRAINED_S = 600
CHARS_PER_TOKEN = 4
TOKENS_AROUND_A_ROW = 40
# Fewer are not worth a training, whatever they take.
FEWEST = 1200


def learnt_rows(task: Task, most: int | None, epochs: float) -> list[Example]:
    """The labelled train rows, or so many of them, each target with its share: `most`, or what can be trained on in minutes."""
    rows = labelled(task)
    if most is None and len(rows) <= FEWEST:
        return rows
    return sample(rows, affordable(task, rows, epochs) if most is None else most, task.seed)


def affordable(task: Task, rows: Sequence[Example], epochs: float) -> int:
    """How many rows like these can be read `epochs` times in minutes, in hundreds."""
    some = sample(rows, FEWEST, task.seed)
    asked = len(task.instruction) + sum(len(texts(row)) + len(canonical_json(row.target)) for row in some) / len(some)
    row = TOKENS_AROUND_A_ROW + asked / CHARS_PER_TOKEN
    return max(FEWEST, int(TOKENS / (row * epochs)) // 100 * 100)


def proposed(rows: Sequence[Example], epochs: float, pace: Pace) -> dict[str, int]:
    """The train rows that a task file for these says, where a machine of this pace is not the usual one and they are more."""
    size = sum(len(texts(row)) + len(canonical_json(row.target)) for row in rows) / max(1, len(rows)) / CHARS_PER_TOKEN
    most = max(FEWEST, int(TRAINED_S * pace.trains / ((TOKENS_AROUND_A_ROW + size) * epochs)) // 100 * 100)
    return {"train_rows": most} if pace.trains != USUAL_PACE.trains and most < len(rows) else {}


def said_of(task: Task, rung: str, used: int) -> str:
    """`1,200 of 14,300 train rows: ...`, where not all of them are used; "" where they are."""
    every = len(labelled(task))
    if used >= every:
        return ""
    return (
        f"it learns from {used:,} of the {every:,} train rows, drawn so that each answer has its share: all would take "
        f"{every / used:.0f} times as long; rungs: {{{rung}: {{train_rows: {every}}}}} takes them"
    )
