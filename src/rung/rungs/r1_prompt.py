"""Prompt: the instruction, its format, demonstrations and calibration that do best on dev; nothing is trained.

Each trial changes one thing. A dearer form is kept only where it beats the cheaper one by more than a standard error on dev
(Breiman et al., 1984, section 3.4.3), so that the best of many trials is not taken for better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.rungs.base import BuildContext, labelled
from rung.rungs.causes import DECISION, DEMONSTRATIONS, FORMAT, SOLVED
from rung.rungs.first_search import first_search
from rung.rungs.prompting import Config, calibrated, forms, plain_candidate, with_demonstrations
from rung.rungs.settings import read_settings
from rung.rungs.trials import Form, Trial, race, record
from rung.types import Candidate, Example, Task

TITLE = "prompt"
UNDO = "point the name at the version before: nothing but text changes"
ORDER = 10
CHEAP = True
MENDS = (SOLVED, FORMAT, DECISION, DEMONSTRATIONS)
# Forms of the prompt tried without demonstrations: the instruction free and constrained, with the format, the format alone.
FORMS = 4


def applies(task: Task) -> str:
    """Any base can be prompted."""
    return ""


def estimate(task: Task, speeds: Any) -> tuple[float | None, int | None]:
    """Every trial on dev, then all of test at the dearest form tried. The engine's memory is the base's and little more."""
    config = read_settings(task, "r1_prompt", Config)
    rows = min(config.dev_rows, len(task.split("dev")))
    each = {k: speeds.answer_s(k) for k in (0, *config.demonstrations)}
    if None in each.values():
        return None, None
    trials = rows * (FORMS * each[0] + sum(each[k] for k in config.demonstrations))
    calibration = (config.calibration_rows + rows) * max(each.values()) if config.calibrate else 0.0
    rest = len(task.split("dev")) + len(task.split("test"))
    return trials + calibration + rest * max(each.values()), None


def propose(rows: Sequence[Example], classes: Mapping[str, int]) -> dict[str, Any]:
    """Settings for a task file that is written from these rows: a first verdict within minutes."""
    return first_search(rows, classes, FORMS)


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Try instructions, the output constraint, demonstrations and calibration, in that order, each on dev."""
    config = read_settings(task, "r1_prompt", Config)
    first = race([Form(name, form) for name, form in forms(task, plain_candidate(task, context)).items()], context, config.dev_rows)
    shown = race([first.best.form, *_demonstrated(task, first.best, context, config)], context, config.dev_rows)
    trials, chosen = [*first.trials, *shown.trials], shown.best
    if tuned := _calibrated(task, chosen, context, config):
        last = race([chosen.form, tuned], context, config.dev_rows)
        trials, chosen = [*trials, *last.trials], last.best
    record(trials, chosen, context)
    return chosen.candidate


def _demonstrated(task: Task, best: Trial, context: BuildContext, config: Config) -> list[Form]:
    """With more and more demonstrations, each number of which costs as many prompt tokens at every answer."""
    numbers = [k for k in sorted(config.demonstrations) if k < len(labelled(task))]
    return [Form(f"{best.name} + {k} demonstrations", with_demonstrations(task, best.candidate, k, context)) for k in numbers]


def _calibrated(task: Task, best: Trial, context: BuildContext, config: Config) -> Form | None:
    """Label bias fitted on train rows by maximum likelihood, then tried on dev (Zhao et al., arXiv 2102.09690, with labels)."""
    if best.candidate.constraint and not any(row.answer.logprobs for row in best.run.rows):
        return None
    candidate = calibrated(task, best.candidate, context) if config.calibrate else None
    return Form(f"{best.name}, calibrated", candidate) if candidate else None
