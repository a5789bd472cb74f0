"""What every rung rests on: whether it applies, the rows that it may learn from, the room that an answer needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung import plugins
from rung.engine.runtime import Runtime
from rung.errors import UserError
from rung.storage import Blobs
from rung.types import Candidate, Example, Progress, Run, Task
from rung.verify.run import evaluate, random_order


class BuildContext:
    """What a rung is given to build with: a store, a folder that survives a crash, a way to measure, and a place to report to.

    What a build records is kept in `records` until the build is stored as a whole.
    """

    def __init__(self, task: Task, runtime: Runtime, work: Path, progress: Progress) -> None:
        self.task, self.runtime, self.work, self.progress = task, runtime, work, progress
        self.blobs: Blobs = runtime.blobs
        self.records: list[dict[str, Any]] = []
        work.mkdir(parents=True, exist_ok=True)

    def measure(self, candidate: Candidate, split: str = "dev", limit: int | None = None) -> Run:
        """The Candidate's Run on (a random sample of `limit` rows of) a split that may be looked at freely.

        Raises UserError for the gate split: only the gate itself looks there.
        """
        if split == "gate":
            raise UserError("a rung must not look at the gate split")
        rows = random_order(self.task, split)[:limit]
        return evaluate(self.task, candidate, split, rows, self.runtime, self.progress)

    def record(self, kind: str, fact: Mapping[str, Any]) -> None:
        """Keep a fact of this build for the report: a `trial` on dev, a line of training `history`."""
        self.records.append({"kind": kind, **fact})


def why_skipped(task: Task, rung: str) -> str:
    """Why a climb leaves this rung out, or "" where it will not."""
    if task.settings.get(rung, {}).get("skip"):
        return "the task file skips it"
    return str(plugins.load("rungs", rung).applies(task))


def alpha_shares(task: Task) -> int:
    """Into how many parts a climb splits alpha: a share for each rung that applies, and one for cheaper forms of what passed."""
    return 1 + sum(not why_skipped(task, name) for name in plugins.names("rungs"))


def labelled(task: Task) -> list[Example]:
    """The train rows that have a target: some scorers can judge an answer without one."""
    return [row for row in task.split("train") if row.target is not None]


def longest_answer(task: Task) -> int:
    """Tokens for the longest target, generously: a token holds two characters or more of any language that a base reads well.

    256 where no train row has a target.
    """
    from rung.verify.scoring import target_text

    return 16 + max((len(target_text(task, row)) for row in labelled(task)), default=480) // 2
