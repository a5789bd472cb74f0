"""Demonstrations: does the base do it after 4, after 16 worked rows? Then it can be shown, and what more of them add is told."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from rung.climb.diagnosis.case import Case, Evidence
from rung.rungs.asks import Ask
from rung.rungs.base import labelled
from rung.rungs.causes import DEMONSTRATIONS
from rung.rungs.prompting import drawn_rows, shared_name, with_nearest, with_shared
from rung.types import Candidate, Task

TITLE = "worked rows before the question"
CAUSE = DEMONSTRATIONS


class Config(BaseModel):
    """`k`: the numbers of demonstrations to try."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: tuple[int, ...] = Field(default=(4, 16), min_length=1)


def applies(task: Task) -> str:
    """Needs a few train rows with a target."""
    return "" if len(labelled(task)) > 1 else "train has not two rows with a target"


def probe(case: Case, config: Config) -> Evidence:
    """Train rows shown before the question, in the form that does best without them: first the most that all rows share, which cost
    little more than none, then those nearest to each."""
    return Evidence(arms=tuple(case.arm(name, candidate) for name, candidate in _forms(case, config).items()))


def foresee(case: Case, config: Config) -> list[Ask]:
    """The same."""
    return [case.foreseen(name, form) for name, form in _forms(case, config).items()]


def _forms(case: Case, config: Config) -> dict[str, Candidate]:
    form = replace(case.best, demonstrations=None, calibration=None)
    rows = len(labelled(case.task))
    wanted = sorted({min(k, rows - 1) for k in config.k if k > 0})
    first = drawn_rows(case.task, wanted[-1], 0, case.context) if wanted else []
    shared = {shared_name(first): with_shared(case.task, form, first, case.context)} if first else {}
    return shared | {f"{k} nearest demonstrations": with_nearest(case.task, form, k, case.context) for k in wanted}
