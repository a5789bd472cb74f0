"""What two versions are compared by while they answer, where nobody knows the right answer: a score from 0 to 1 of each answer.

    answered      it was answered, as it was asked, and waited for: not withheld, nor by a fallback, nor with an error, nor left
    feedback      a thumb (up 1, down 0) or a score that somebody gave
    no complaint  nobody gave it a thumb down or a score below one half within ten minutes: of all answers, so that silence counts
    scorers       bars of the version's task whose scorer judges without a target (schema, forbidden words, form), as it says itself
    in time       within the task's limit of seconds
    short enough  within the task's limit of tokens

What is missing is not counted: an answer that nobody said anything of has no feedback, one that did not come has no length. But who
leaves is not missing: of a version that is so slow that people go, only the quick answers would be left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import RungError
from rung.json_form import Misfit
from rung.registry.rollout_states import Measure, Plan
from rung.serve.types import Asked, Ending, Feedback, Outcome
from rung.types import FAILED, SILENT, Answer, Bar, Example, Limits, Task
from rung.verify.scoring import scorer_of

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.verify.scoring import BoundScorer

ANSWERED, FEEDBACK, SILENCE, SECONDS, TOKENS = "answered", "feedback", "no complaint", "in time", "short enough"
BUILT_IN = (ANSWERED, FEEDBACK, SILENCE, SECONDS, TOKENS)
NOT_ANSWERED: tuple[Ending, ...] = ("fallback", "withheld", "refused", "late", "gone", "failed")
COMPLAINTS_WITHIN_S = 600.0
EVERYWHERE = (
    Measure(name=ANSWERED, kind="answered"),
    Measure(name=FEEDBACK, kind="feedback"),
    Measure(name=SILENCE, kind="complaint", limit=COMPLAINTS_WITHIN_S),
)


@dataclass(frozen=True, kw_only=True)
class Judges:
    """The measures of a task, and why its other bars cannot be among them, in words."""

    measures: tuple[Measure, ...]
    left_out: tuple[str, ...] = ()


def kept_settings(home: Home, lock: str) -> Task | None:
    """A locked task without its rows, as the home kept it; None where it did not, or it cannot be read."""
    record = home.locks.record(lock) if lock else None
    if record is None:
        return None
    try:
        return home.locks.get(record).task
    except (RungError, Misfit):
        return None


def judges_of(task: Task | None) -> Judges:
    """What two versions can be compared by on the line, by the candidate's task."""
    found = list(EVERYWHERE)
    if task is None:
        return Judges(measures=tuple(found), left_out=("nothing is kept of its task: only answers and feedback are judged",))
    left_out = []
    for bar in (task.quality, *task.guards):
        if why := _cannot(task, bar):
            left_out.append(f"{bar.name} ({bar.scorer}) {why}")
        else:
            found.append(Measure(name=_name(bar), kind="scorer"))
    return Judges(measures=(*found, *_limits(task.limits)), left_out=tuple(left_out))


def _limits(limits: Limits) -> list[Measure]:
    found = []
    if limits.p95_latency_s is not None:
        found.append(Measure(name=SECONDS, kind="seconds", limit=limits.p95_latency_s))
    if limits.tokens_per_answer is not None:
        found.append(Measure(name=TOKENS, kind="tokens", limit=float(limits.tokens_per_answer)))
    return found


def _name(bar: Bar) -> str:
    return f"guard {bar.name}" if bar.name in BUILT_IN else bar.name


def _cannot(task: Task, bar: Bar) -> str:
    """Why a bar cannot judge answers on the line, or ""."""
    if bar.where or bar.metric or bar.cost:
        return f"is {bar.measured}, which only rows with a target have"
    try:
        return "needs the right answer" if scorer_of(task, bar).needs_target else ""
    except RungError as error:
        return f"cannot be had here: {error.problem}"


class Scoring:
    """The scorers of one rollout, bound."""

    def __init__(self, plan: Plan, task: Task | None) -> None:
        self.plan = plan
        self._scorers: dict[str, tuple[BoundScorer, bool]] = {}
        wanted = {measure.name for measure in plan.measures if measure.kind == "scorer"}
        for bar in (task.quality, *task.guards) if task else ():
            if _name(bar) in wanted:
                assert task is not None
                self._scorers[_name(bar)] = scorer_of(task, bar), bar.at_most is not None

    def scores(self, asked: Asked, outcome: Outcome) -> dict[str, float]:
        """By measure what an answer is worth; what cannot be said is left out."""
        found: dict[str, float] = {}
        if outcome.ending == "answered" or outcome.ending in NOT_ANSWERED:
            found[ANSWERED] = float(outcome.ending == "answered")
        if outcome.ending == "answered" and outcome.answer is not None:
            found |= self._of_answer(asked, outcome.answer, outcome.latency_s)
        elif outcome.ending in NOT_ANSWERED:
            found |= self._too_late(outcome.latency_s)
        return found

    def shadow_scores(self, asked: Asked, answer: Answer | None, seconds: float) -> dict[str, float]:
        """The same of an answer that nobody is sent; None is one that did not come."""
        came = answer is not None and answer.finish_reason not in (FAILED, SILENT) and not answer.fault
        return {ANSWERED: float(came), **(self._of_answer(asked, answer, seconds) if came and answer else {})}

    def _too_late(self, seconds: float | None) -> dict[str, float]:
        """Of what has no answer: that it took longer than it may is known all the same."""
        limits = [measure for measure in self.plan.measures if measure.kind == "seconds"]
        return {one.name: 0.0 for one in limits if seconds is not None and seconds > one.limit}

    def _of_answer(self, asked: Asked, answer: Answer, seconds: float | None) -> dict[str, float]:
        found: dict[str, float] = {}
        row = Example(id=asked.id, messages=asked.messages, tools=asked.tools, shown=tuple(answer.passages))
        for measure in self.plan.measures:
            value = self._score(measure, row, answer, seconds)
            if value is not None:
                found[measure.name] = value
        return found

    def _score(self, measure: Measure, row: Example, answer: Answer, seconds: float | None) -> float | None:
        if measure.kind == "seconds":
            return None if seconds is None else float(seconds <= measure.limit)
        if measure.kind == "tokens":
            return None if answer.completion_tokens is None else float(answer.completion_tokens <= measure.limit)
        if measure.name not in self._scorers:
            return None
        scorer, less_is_better = self._scorers[measure.name]
        value = scorer.score(row, answer.text).value
        return value if value is None or not less_is_better else 1 - value


def of_feedback(feedback: Feedback) -> Mapping[str, float]:
    """What somebody's word is worth; nothing where it says neither good nor bad (a correction or a label alone)."""
    if feedback.score is not None:
        return {FEEDBACK: feedback.score}
    return {FEEDBACK: float(feedback.thumb == "up")} if feedback.thumb else {}
