"""Prompt: the instruction, its format, demonstrations and calibration that do best on dev; nothing is trained.

Each trial changes one thing. A dearer form is kept only where it beats the cheaper one by more than a standard error on dev
(Breiman et al., 1984, section 3.4.3), so that the best of many trials is not taken for better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.data.findings import place
from rung.engine.chat import text_of
from rung.parts import ChoiceConstraint, Pace, Span
from rung.rungs.asks import Answers, Foreseen, raced
from rung.rungs.base import BuildContext, labelled
from rung.rungs.causes import DECISION, DEMONSTRATIONS, FORMAT, SOLVED
from rung.rungs.first_search import first_search
from rung.rungs.prompting import (
    Config,
    calibrated,
    calibration_rows,
    drawn_rows,
    forms,
    plain_candidate,
    shared_name,
    shown_to_all,
    with_nearest,
    with_shared,
)
from rung.rungs.settings import read_settings
from rung.rungs.trials import Form, Trial, race, record
from rung.types import Candidate, Example, Task

TITLE = "prompt"
ALONE = "prompting alone"
UNDO = "point the name at the version before: nothing but text changes"
ORDER = 10
CHEAP = True
MENDS = (SOLVED, FORMAT, DECISION, DEMONSTRATIONS)
# Forms of the prompt tried without demonstrations: the instruction free and constrained, with the format, the format alone.
FORMS = 4


def applies(task: Task) -> str:
    """Any base can be prompted."""
    return ""


def foresee(task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
    """Every form on dev; then, with the last of them, sets that all are shown, the nearest rows, and calibration."""
    config = read_settings(task, "r1_prompt", Config)
    rows = min(config.dev_rows, len(task.split("dev")))
    tried = list(forms(task, plain_candidate(task, context)).items())
    name, best = tried[-1]
    numbers = _numbers(task, config.demonstrations)
    drawn = [shown for draw in range(config.draws) if numbers and (shown := drawn_rows(task, numbers[-1], draw, context))]
    sets = [(f"{name} + {shared_name(shown)}", with_shared(task, best, shown, context)) for shown in drawn]
    smaller = [(f"{name} + {k}", with_shared(task, best, drawn[0][:k], context)) for k in numbers[:-1]] if drawn else []
    likely = sets[0][1] if sets else best
    seen = likely.demonstrations.shared if likely.demonstrations else 0
    near = _numbers(task, config.demonstrations if config.nearest is None else config.nearest, seen)
    nearest = [(f"{name} + {k} nearest", with_nearest(task, likely, k, context)) for k in near]
    asks = [ask for race in (tried, sets, smaller, nearest) for ask in raced(race, rows)]
    if config.calibrate and isinstance(likely.constraint, ChoiceConstraint):
        asks.append(Answers(what="calibration", candidate=likely, rows=Span.of(float(calibration_rows(task))), split="train"))
    return Foreseen(asks=tuple(asks), likely=likely)


def propose(rows: Sequence[Example], classes: Mapping[str, int], pace: Pace) -> dict[str, Any]:
    """Settings for a task file that is written from these rows: a first verdict within minutes at this pace."""
    return first_search(rows, classes, FORMS, pace)


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Race instructions and the output constraint, then sets that every question is shown, the nearest rows, and calibration."""
    config = read_settings(task, "r1_prompt", Config)
    search = _Search(context, config.dev_rows)
    search.race([Form(name, form) for name, form in forms(task, plain_candidate(task, context)).items()])
    start = search.best
    sets = search.race(_drawn(task, start, context, config)) if search.can_rise else ()
    search.race(_beginnings(task, start, sets, context, config))
    if search.can_rise:
        search.race(_nearest(task, search.best, context, config))
    search.race(_calibrated(task, search.best, context, config))
    shown = {"shown": [_told(task, row) for row in shown_to_all(task, search.best.candidate, context)]}
    record(search.trials, search.best, context, lambda trial: shown if trial.candidate == search.best.candidate else {})
    return search.best.candidate


def _told(task: Task, row: Example) -> dict[str, str]:
    """A row that every question is shown, for the report."""
    from rung.verify.scoring import target_text

    said = [text_of(turn.get("content")) for turn in row.messages if turn.get("role") == "user"]
    return {"source": place(row), "question": said[-1] if said else "", "answer": target_text(task, row)}


class _Search:
    """Races, each of which the best of the one before enters; all `trials` so far."""

    def __init__(self, context: BuildContext, dev_rows: int) -> None:
        self.context, self.dev_rows = context, dev_rows
        self.trials: list[Trial] = []

    @property
    def best(self) -> Trial:
        return self._best

    @property
    def can_rise(self) -> bool:
        """Whether a dearer form may be chosen: it must score more by a standard error, and more than right there is nothing. Where
        half of dev shows no row that is wrong, the rest could hardly show enough of them."""
        asked = self.best.shares.values
        return any(value != 1.0 for value in asked) or 2 * len(asked) < self.best.of

    def race(self, forms: Sequence[Form]) -> tuple[Trial, ...]:
        """These against the best so far; nothing where there are none."""
        if not forms:
            return ()
        found = race([*([self.best.form] if self.trials else []), *forms], self.context, self.dev_rows)
        self.trials += found.trials
        self._best = found.best
        return found.trials


def _drawn(task: Task, start: Trial, context: BuildContext, config: Config) -> list[Form]:
    """With the largest set, of several draws."""
    numbers = _numbers(task, config.demonstrations)
    sets = [drawn_rows(task, numbers[-1], draw, context) for draw in range(config.draws)] if numbers else []
    return [
        Form(f"{start.name} + {shared_name(rows)}, draw {draw}", with_shared(task, start.candidate, rows, context))
        for draw, rows in enumerate(sets, start=1)
        if rows
    ]


def _beginnings(task: Task, start: Trial, sets: Sequence[Trial], context: BuildContext, config: Config) -> list[Form]:
    """With the first rows of the best set alone: each beginning of it is a set as well, and costs less."""
    drawn = [trial for trial in sets if trial.candidate.demonstrations != start.candidate.demonstrations]
    if not drawn:
        return []
    top = max(drawn, key=lambda trial: (len(trial.run.rows), trial.shares.mean or 0.0))
    rows = shown_to_all(task, top.candidate, context)
    draw = top.name.rpartition(", ")[2]
    return [
        Form(f"{start.name} + {shared_name(rows[:k])}, {draw}", with_shared(task, start.candidate, rows[:k], context))
        for k in _numbers(task, config.demonstrations)
        if k < len(rows)
    ]


def _nearest(task: Task, best: Trial, context: BuildContext, config: Config) -> list[Form]:
    """With the rows nearest to each question behind what all are shown: each costs its whole length at every answer."""
    shown = best.candidate.demonstrations.shared if best.candidate.demonstrations else 0
    numbers = _numbers(task, config.demonstrations if config.nearest is None else config.nearest, shown)
    return [Form(f"{best.name} + {k} nearest demonstrations", with_nearest(task, best.candidate, k, context)) for k in numbers]


def _numbers(task: Task, wanted: Sequence[int], shown: int = 0) -> list[int]:
    """Those for which train has rows enough, beside those that are shown already, the smallest first."""
    return [k for k in sorted(set(wanted)) if 0 < k < len(labelled(task)) - shown]


def _calibrated(task: Task, best: Trial, context: BuildContext, config: Config) -> list[Form]:
    """Label bias fitted on train rows by maximum likelihood, then tried on dev (Zhao et al., arXiv 2102.09690, with labels)."""
    if best.candidate.constraint and not any(row.answer.logprobs for row in best.run.rows):
        return []
    candidate = calibrated(task, best.candidate, context) if config.calibrate else None
    return [Form(f"{best.name}, calibrated", candidate)] if candidate else []
