"""Stored answers held against the scorer and against the model, again."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rung.engine.answer import answer
from rung.types import Candidate, Run, Task
from rung.verify.run import score_rows

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime

CLOSE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """How many answers were asked for again, and the ids of the rows whose answers came out otherwise."""

    asked: int
    other: tuple[str, ...]


def rescored(task: Task, run: Run) -> list[str]:
    """What the scorers of a task make of a Run's answers other than what it holds, in words; nothing where they agree."""
    examples = {row.id: row for row in task.split(run.split)}
    unknown = [row.example for row in run.rows if row.example not in examples]
    if unknown:
        return [f"the answers are to rows that the task does not have ({unknown[0]})"]
    again = score_rows(task, [examples[row.example] for row in run.rows], [row.answer for row in run.rows])
    found = []
    for name in (bar.name for bar in (task.quality, *task.guards)):
        other = [
            old.example
            for old, new in zip(run.rows, again, strict=True)
            if not _same(old.scores[name].value if name in old.scores else None, new.scores[name].value)
        ]
        if other:
            found.append(f"{len(other)} answers are scored otherwise by {name} now ({', '.join(other[:3])})")
    return found


def _same(old: float | None, new: float | None) -> bool:
    return old == new if old is None or new is None else abs(old - new) <= CLOSE


def replay(task: Task, candidate: Candidate, run: Run, runtime: Runtime, most: int) -> Replayed:
    """Asks for a sample of a Run's answers again, of the model itself. Which rows these are is not known beforehand.

    An answer that never came (a fault of the server's) is none to compare with.
    """
    examples = {row.id: row for row in task.split(run.split)}
    answered = [row for row in run.rows if not row.answer.fault]
    sample = random.sample(answered, min(most, len(answered)))
    said = answer(candidate, [examples[row.example] for row in sample], replace(runtime, cache=None))
    other = tuple(row.example for row, new in zip(sample, said, strict=True) if row.answer.text != new.text)
    return Replayed(asked=len(sample), other=other)
