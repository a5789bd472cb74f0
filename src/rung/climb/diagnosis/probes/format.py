"""Format: is the answer right but written in a way that the check does not take? Lenient reading, and decoding held to the form."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from rung.climb.diagnosis.case import Arm, Case, Evidence
from rung.climb.diagnosis.probes.readings import readings
from rung.reply import read_reply
from rung.rungs import prompting
from rung.rungs.asks import Ask
from rung.rungs.causes import FORMAT
from rung.types import Task
from rung.verify.scoring import scorer_of

TITLE = "the same answers, in the right format"
CAUSE = FORMAT


class Config(BaseModel):
    """No settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def applies(task: Task) -> str:
    """Any task."""
    return ""


def probe(case: Case, config: Config) -> Evidence:
    """The plain answers read leniently; then the forms of the prompt rung: held to the natural constraint, told the format.

    A lenient reading may be right by luck (one of two labels that an answer names), so that it shows something only where there is
    no form to hold the base to.
    """
    forms = {name: form for name, form in prompting.forms(case.task, case.plain).items() if form != case.plain}
    arms = [case.arm(name, form) for name, form in forms.items()]
    return Evidence(arms=(replace(_lenient(case), shows=not arms), *arms))


def foresee(case: Case, config: Config) -> list[Ask]:
    """The forms of the prompt."""
    forms = prompting.forms(case.task, case.plain).items()
    return [case.foreseen(name, form) for name, form in forms if form != case.plain]


def _lenient(case: Case) -> Arm:
    """The best score of any reading of what the plain instruction answered."""
    scorer = scorer_of(case.task)
    run = case.run(case.plain, case.sample.examples)
    values = []
    for row, example, plain in zip(run.rows, case.sample.examples, case.sample.before, strict=True):
        read = [scorer.score(example, text).value for text in readings(read_reply(row.answer.text).text)]
        values.append(max((value for value in (plain, *read) if value is not None), default=None))
    places = tuple(range(len(case.sample)))
    texts = tuple(row.answer.text for row in run.rows)
    before = case.sample.before
    return Arm(name="lenient reading of the plain answers", places=places, values=tuple(values), against=before, texts=texts)
