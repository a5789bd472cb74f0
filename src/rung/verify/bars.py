"""A bar on rows: which of them it is about, what each gives to it, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from rung.types import Answer, Bar, Example, Row, Score, Task, Unit, Verdict
from rung.verify.metrics import Answered, linear_of, part_of
from rung.verify.scoring import BoundScorer, scorer_of
from rung.verify.stats.linear import Asked, Linear, Part, judged_so_far, look_linear
from rung.verify.where import ANSWER, Test, is_about, tests_of
from rung.verify.whole import Taken, verdict_of


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A bar, bound to its scorer."""

    bar: Bar
    scorer: BoundScorer

    @cached_property
    def _tests(self) -> dict[str, Test]:
        return tests_of(self.bar.where)

    @cached_property
    def linear(self) -> Linear | None:
        """How it comes down to a mean over rows; None where it does not."""
        return linear_of(self.bar)

    def is_about(self, example: Example) -> bool:
        """Whether the bar is about a row, as far as the row itself says."""
        meant = self.bar.metric != "recall" or self.scorer.target_label(example) == self.bar.of
        return meant and is_about(self.bar, self.scorer, example, self._tests)

    def answered(self, example: Example, row: Row) -> Answered:
        """A row with the labels of its target and its answer."""
        score, sets = row.scores[self.bar.name], self.scorer.several
        return Answered(
            example=example,
            answer=row.answer,
            target=self.scorer.target_label(example),
            label=None if score.value is None else self.scorer.label(example, row.answer.text),
            score=score,
            meant=self.scorer.named(example, self.scorer.ideal(example)) if sets else None,
            named=self.scorer.named(example, row.answer.text) if sets and score.value is not None else frozenset(),
        )

    def part(self, example: Example, row: Row) -> Part | None:
        """What a row that the bar is about gives, as (top, bottom); None where it is missing."""
        score = row.scores[self.bar.name].value
        if not (self.bar.metric or self.bar.cost or ANSWER in self.bar.where):
            return None if score is None else (score, 1.0)
        answered = self.answered(example, row)
        if ANSWER not in self.bar.where:
            return part_of(self.bar, self.scorer, answered)
        if score is None:
            return None
        return (score, 1.0) if self._tests[ANSWER](answered.label) is None else (0.0, 0.0)


def measure_of(task: Task, bar: Bar) -> Measure:
    """A bar of a task, bound to its scorer."""
    return Measure(bar=bar, scorer=scorer_of(task, bar))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Rows that a bar is about, in look order: all of the split's, and those answered so far; `against` by its rival."""

    measure: Measure
    examples: tuple[Example, ...]
    rows: tuple[Row, ...]
    against: tuple[Row, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(example.group for example in self.examples)

    @property
    def parts(self) -> tuple[Part | None, ...]:
        """What each answered row gives."""
        return tuple(map(self.measure.part, self.examples, self.rows))

    @property
    def taken(self) -> Taken:
        """The metric that the bar is on, where it is one of all rows at once."""
        rows = tuple(map(self.measure.answered, self.examples, self.rows))
        return Taken(self.measure.bar, self.measure.scorer, self.examples, rows)


def seen(measure: Measure, examples: Sequence[Example], rows: Sequence[Row], against: Sequence[Row] = ()) -> Seen:
    """What a bar sees of a split's rows (all `examples`), of which the first were answered."""
    about = [measure.bar.plain or measure.is_about(example) for example in examples]

    def kept(answered: Sequence[Row]) -> tuple[Row, ...]:
        return tuple(row for row, counts in zip(answered, about, strict=False) if counts)

    mine = tuple(example for example, counts in zip(examples, about, strict=True) if counts)
    return Seen(measure=measure, examples=mine, rows=kept(rows), against=kept(against))


def telling(measure: Measure, examples: Sequence[Example]) -> list[Example]:
    """The rows that say something of a bar where every answer is right."""
    about = [example for example in examples if measure.is_about(example)]
    if measure.bar.metric not in ("precision", "f1") and ANSWER not in measure.bar.where:
        return about
    return [example for example in about if measure.part(example, ideal_row(measure, example)) != (0.0, 0.0)]


def ideal_row(measure: Measure, example: Example) -> Row:
    """The right answer to a row, given with certainty."""
    answer = Answer(text=measure.scorer.ideal(example), logprobs={measure.scorer.ideal(example): 0.0})
    return Row(example=example.id, group=example.group, answer=answer, scores={measure.bar.name: Score(value=1.0)})


def look_at(sight: Seen, alpha: float) -> Verdict | None:
    """The verdict on a bar after the rows so far, or None where more must be looked at."""
    from rung.verify.stats.clusters import labels
    from rung.verify.stats.gate import Claim, look
    from rung.verify.stats.paired import look_paired

    bar, groups, linear = sight.measure.bar, sight.groups, sight.measure.linear
    claim = Claim(groups=groups, bar=bar.line, alpha=alpha, name=bar.name)
    if bar.other is None and bar.plain:
        return look(_values(sight.rows, bar), claim)
    if bar.other is not None:
        verdict = look_paired(_values(sight.rows, bar), _values(sight.against, bar), claim)
        return verdict if verdict is None or bar.plain else replace(verdict, reason=f"{verdict.reason}; {bar.measured}")
    if linear is None:
        if len(sight.rows) < len(groups):
            return None
        whole = verdict_of(sight.taken, labels(groups), alpha)
        return replace(whole, reason=said(whole, sight))
    found = look_linear(_asked(sight, linear, alpha))
    return None if found is None else replace(found, reason=said(found, sight))


def _asked(sight: Seen, linear: Linear, alpha: float) -> Asked:
    bar = sight.measure.bar
    return Asked(parts=sight.parts, groups=sight.groups, linear=linear, line=bar.line, alpha=alpha, name=bar.name)


def as_it_stands(sight: Seen, alpha: float) -> Verdict:
    """A bar on a mean, left open because nothing is to be hoped of the rest: undecided, with the bounds so far."""
    from rung.verify.stats.gate import Claim, judge

    bar, linear = sight.measure.bar, sight.measure.linear
    if bar.plain or linear is None:
        return judge(_values(sight.rows, bar), Claim(groups=sight.groups, bar=bar.line, alpha=alpha, name=bar.name))
    return judged_so_far(_asked(sight, linear, alpha))


def cut_short(sight: Seen, alpha: float) -> Verdict:
    """A bar left open because another one could no longer pass: undecided, with what was seen of it."""
    estimate, missing = estimated(sight)
    return Verdict(
        status="undecided",
        estimate=estimate,
        lower=None,
        upper=None,
        n=len(sight.rows),
        n_total=len(sight.examples),
        missing=missing,
        alpha=alpha,
        bar=sight.measure.bar.line,
        stopped_by="another bar",
        reason="another bar could no longer pass before this one was decided",
        name=sight.measure.bar.name,
    )


def estimated(sight: Seen) -> tuple[float | None, int]:
    """What the answered rows come to, and how many of them say nothing."""
    linear = sight.measure.linear
    if linear is None:
        taken = sight.taken
        return taken.estimate(), sum(map(taken.missing, taken.rows))
    parts = sight.parts
    return linear.whole(parts), sum(part is None for part in parts)


def _values(rows: Sequence[Row], bar: Bar) -> list[float | None]:
    return [row.scores[bar.name].value for row in rows]


def say(unit: Unit, value: float | None) -> str:
    """A figure in words."""
    if value is None:
        return "unknown"
    if unit == "points":
        return f"{100 * value:+.1f} points"
    return f"{value:.4g}" if unit == "number" else f"{value:.1%}"


def say_of(bar: Bar) -> Callable[[float | None], str]:
    """How a bar's figures are written."""
    return partial(say, bar.unit)


def said(verdict: Verdict, sight: Seen) -> str:
    """Why a verdict on a bar that is no mean over all rows is what it is, in words."""
    from rung.verify.stats.gate import of_missing

    bar = sight.measure.bar
    write, upper_bar = say_of(bar), bar.at_most is not None
    sure = f"{1 - verdict.alpha:.4g}" if verdict.alpha < 0.001 else f"{1 - verdict.alpha:.2%}"
    rows = f"after {verdict.n:,} of {verdict.n_total:,} rows{_counted(sight)}"
    least, most = f"at least {write(verdict.lower)} ({sure} sure)", f"at most {write(verdict.upper)} ({sure} sure)"
    if verdict.status == "pass":
        words = f"{most if upper_bar else least}, so the bar of {write(bar.line)} is passed, {rows}: {verdict.stopped_by}"
    elif verdict.status == "fail":
        words = f"{least if upper_bar else most}, {'above' if upper_bar else 'below'} the bar of {write(bar.line)}, {rows}"
        words += f": {verdict.stopped_by}"
    elif verdict.lower is not None and verdict.upper is not None and verdict.lower > verdict.upper:
        words = f"early and late rows contradict each other ({least}, {most}), {rows}: not in random order?"
    elif verdict.n == 0:
        words = "no row that it is about was looked at"
    else:
        futile = "; less than 1% chance of passing on all of them" if verdict.stopped_by == "futility" else ""
        more = f"; about {verdict.needed:,} more labels would decide it" if verdict.needed else ""
        between = f"between {write(verdict.lower)} and {write(verdict.upper)}, which leaves the bar of {write(bar.line)} open"
        words = f"{between}, {rows}{futile} ({verdict.stopped_by}){more}"
    return f"{bar.measured}: {words}{of_missing(verdict.missing)}".removeprefix(": ")


def _counted(sight: Seen) -> str:
    """How many of the rows say something, where that depends on the answers."""
    linear = sight.measure.linear
    if linear is None or (0.0, 0.0) not in linear.corners:
        return ""
    return f", {linear.counted(sight.parts):,} of which it counts"
