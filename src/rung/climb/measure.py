"""A Candidate's Run on one split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.types import Candidate, Example, Progress, Run, Task
from rung.verify.environment import environment

if TYPE_CHECKING:
    from rung.engine.answer import Desk
    from rung.registry.home import Home


def measure_rows(task: Task, candidate: Candidate, split: str, rows: Sequence[Example], desk: Desk, progress: Progress) -> Run:
    """Answer `rows` and score them. Long work shows how far it is; what was answered before costs nothing."""
    from rung.engine.answer import answer
    from rung.verify.run import make_run

    with progress.stage(f"{candidate.rung} answers {len(rows)} {split} rows", len(rows)) as stage:
        answers = answer(candidate, rows, desk, stage=stage)
    return make_run(task, candidate, split, rows, answers, environment(task.seed))


def measure(task: Task, candidate: Candidate, split: str, home: Home, progress: Progress) -> Run:
    """The Candidate's Run on a whole split, stored. A look at the gate goes on the ledger."""
    from rung.climb.desk import desk_for

    rows = task.split(split)
    run = measure_rows(task, candidate, split, rows, desk_for(task, home), progress)
    home.runs.add(run)
    if split == "gate":
        home.looks.add(task.digest, candidate.id, len(rows))
    return run
