"""Checkpoints of a training run race on dev: one that is behind the best so far is not asked the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.json_form import as_json, canonical_json, from_json
from rung.rungs.base import BuildContext
from rung.rungs.trials import Form, Trial, race
from rung.types import Candidate
from rung.verify.choosing import counted
from rung.verify.run import random_order

if TYPE_CHECKING:
    from rung.train.dev import Asked, Best

# Of a training that is under way, in its work folder: what became of checkpoints before it was interrupted.
KEPT = "checkpoints.jsonl"
# Two checkpoints are held against each other on as many rows, where the race does not end before.
FEWEST = 64


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a training had come to after a step, as a Candidate, and its score on the rows of dev that it was asked."""

    step: int
    score: float
    candidate: Candidate


class CheckpointRace:
    """A rung.train.dev.Dev over those of the first `dev_rows` rows of dev that the quality bar is about.

    freeze     names a folder just trained in a Candidate
    asked, of  rows asked so far, and what they would have been without a race
    """

    def __init__(self, freeze: Callable[[Path], Candidate], context: BuildContext, dev_rows: int) -> None:
        self._freeze, self._context = freeze, context
        rows = random_order(context.task, "dev")[:dev_rows]
        counts = {row.id for row in counted(context.task, rows)}
        # How many rows of dev hold the first, the second, ... that counts.
        self._within = [place for place, row in enumerate(rows, 1) if row.id in counts]
        self.asked, self.of = 0, 0

    @property
    def least(self) -> int:
        """Of a comparison on as many rows as tell anything."""
        return 2 * min(FEWEST, len(self._within))

    def __call__(self, folder: Path, best: Best | None, rows: int) -> Asked:
        """Raises UserError where none of the rows could be scored."""
        from rung.train.dev import Asked

        if not self._within:
            raise self._no_score()
        known = best.rows if best else 0
        # Of the two, the best has been asked some already.
        most = rows if not best or rows <= known else (rows + known) // 2
        step = int(folder.name.rpartition("-")[2])
        mine = Form(f"checkpoint {step}", self._freeze(folder))
        forms = [Form("the best so far", self._freeze(best.folder)), mine] if best else [mine]
        found = race(forms, self._context, self._within[max(1, min(most, len(self._within))) - 1])
        trials = {trial.candidate.id: trial for trial in found.trials}
        trial, rival = trials[mine.candidate.id], trials[forms[0].candidate.id]
        better = not best or found.best is trial is not rival
        asked = len(trial.run.rows) + (max(0, len(rival.run.rows) - known) if trial is not rival else 0)
        self.asked, self.of = self.asked + asked, self.of + len(self._within)
        score = self._score(trial)
        self._keep(Checkpoint(step=step, score=score, candidate=mine.candidate))
        return Asked(
            score=score,
            best_score=self._score(rival) if best else None,
            better=better,
            rows=len(trial.run.rows) if better else max(known, len(rival.run.rows)),
            asked=asked,
        )

    def kept(self) -> list[Checkpoint]:
        """The checkpoints that were asked, in the order of their steps; those from before an interruption too."""
        try:
            lines = (self._context.work / KEPT).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        found: dict[int, Checkpoint] = {}
        for line in lines:
            # A line that a kill cut off is of a step that is taken again.
            with suppress(ValueError):
                checkpoint = from_json(Checkpoint, json.loads(line))
                found[checkpoint.step] = checkpoint
        return [found[step] for step in sorted(found)]

    def _keep(self, checkpoint: Checkpoint) -> None:
        with (self._context.work / KEPT).open("a", encoding="utf-8") as file:
            file.write(f"{canonical_json(as_json(checkpoint))}\n")

    def _score(self, trial: Trial) -> float:
        if trial.shares.mean is None:
            raise self._no_score()
        return trial.shares.mean

    def _no_score(self) -> UserError:
        where = self._context.task.path
        return UserError("no dev row could be scored, so training cannot be stopped by the score", where=where)


def earned_rows(learnt: float, turns: int, dev: int) -> float:
    """At most so many rows of dev are asked where `learnt` rows are passed over: what the steps earn, or one comparison."""
    from rung.train.dev import SHARE, STEP_TOKENS

    return min(float(turns * dev), max(SHARE * STEP_TOKENS * learnt, 2.0 * min(FEWEST, dev)))
