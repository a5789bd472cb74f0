"""Linear model: does a model without any language do it? Then the task is easy, and nothing dearer is needed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from rung.climb.diagnosis.case import Arm, Case, Evidence
from rung.rungs.asks import Ask
from rung.rungs.base import mending, why_not_mended
from rung.rungs.causes import TRIVIAL
from rung.types import Task

TITLE = "a linear model in the base's place"
CAUSE = TRIVIAL


class Config(BaseModel):
    """Those of the linear rung hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def applies(task: Task) -> str:
    """Where the linear rung does."""
    return why_not_mended(task, CAUSE)


def foresee(case: Case, config: Config) -> list[Ask]:
    """What building the linear rung asks."""
    rung = mending(CAUSE)
    return list(rung.foresee(case.task, None, case.context).asks) if rung else []


def probe(case: Case, config: Config) -> Evidence:
    """The linear rung's own Candidate on the sample; it costs nothing to ask."""
    rung = mending(CAUSE)
    assert rung is not None, "applies() says so"
    candidate = rung.build(case.task, None, case.context)
    values = case.ask(candidate, case.sample.examples)
    places = tuple(range(len(case.sample)))
    return Evidence(arms=(Arm(name="linear model", places=places, values=values, against=case.sample.before),))
