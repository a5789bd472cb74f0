"""Decision: does the base know the answer, but leans to one label? A bias for each, fitted on train, would put that right."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from rung.climb.diagnosis.case import Case, Evidence
from rung.parts import ChoiceConstraint, Span
from rung.rungs.asks import Answers, Ask
from rung.rungs.causes import DECISION
from rung.rungs.prompting import calibrated, calibration_rows
from rung.types import Candidate, Task
from rung.verify.scoring import scorer_of

TITLE = "label bias taken out"
CAUSE = DECISION


class Config(BaseModel):
    """The prompt rung's `calibration_rows` hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def applies(task: Task) -> str:
    """Needs an answer out of a closed set."""
    constraint = scorer_of(task).constraint(task.split("train"))
    return "" if isinstance(constraint, ChoiceConstraint) else "the answer is not one of a closed set"


def probe(case: Case, config: Config) -> Evidence:
    """The choice of the largest log-probability plus bias, as the prompt rung calibrates it."""
    form = _form(case)
    candidate = calibrated(case.task, form, case.context)
    if candidate is None or candidate.calibration is None:
        return Evidence(reason="the base does not say each label's log-probability")
    return Evidence(arms=(case.arm("calibrated", candidate),), facts={"bias_nats": dict(candidate.calibration.bias)})


def foresee(case: Case, config: Config) -> list[Ask]:
    """The form that is calibrated, on train and on the sample."""
    form, rows = _form(case), calibration_rows(case.task)
    fitted = Answers(what="calibration", candidate=form, rows=Span.of(float(rows)), split="train")
    return [fitted, case.foreseen("calibrated", form)]


def _form(case: Case) -> Candidate:
    """The best form so far, held to the choices."""
    best = replace(case.best, demonstrations=None, calibration=None)
    return best if best.constraint else replace(best, constraint=scorer_of(case.task).constraint(case.task.split("train")))
