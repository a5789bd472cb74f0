"""What candidates are compared by on dev: what the quality bar is on, row by row, so that the choice and the gate ask the same.

Each row that the bar is about gets its share in holding the bar, within 0 and 1, the more the better: the score itself of a bar on
a mean, over all rows or `where`; 1 - cost / dearest of costs; what the row adds to holding the line of a precision or an F1, whose
mean is on the good side of `line_of` where the metric is on that of the bar. A metric that is taken of all rows at once has no such
shares, and neither has a bar that none of the rows at hand is about: there the mean score chooses, and `shares_of` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rung.types import Example, Row, Run, Task
from rung.verify.bars import measure_of, say, seen


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The rows that count, with each one's share; None where it has no score. `by`: what the mean is, if not the mean score."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    values: tuple[float | None, ...]
    by: str = ""

    @property
    def mean(self) -> float | None:
        """Over the rows that have one; None where none has."""
        present = [value for value in self.values if value is not None]
        return sum(present) / len(present) if present else None


def shares_of_run(task: Task, run: Run) -> Shares:
    """A Run's rows as the quality bar sees them."""
    examples = {row.id: row for row in task.split(run.split)}
    return shares_of(task, [examples[row.example] for row in run.rows], run.rows)


def shares_of(task: Task, examples: Sequence[Example], rows: Sequence[Row]) -> Shares:
    """Answered rows, each with its example, as the quality bar sees them."""
    if task.quality.plain:
        return _plain(rows)
    measure = measure_of(task, task.quality)
    sight = seen(measure, examples, rows)
    if not sight.rows:
        return _plain(rows, f"the mean score of all rows, for none is one that the bar is about ({task.quality.measured})")
    if measure.linear is None:
        return _plain(sight.rows, described(task))
    values, _ = measure.linear.scores(sight.parts, task.quality.line)
    return replace(_plain(sight.rows, described(task)), values=tuple(values))


def _plain(rows: Sequence[Row], by: str = "") -> Shares:
    return Shares(
        ids=tuple(row.example for row in rows),
        groups=tuple(row.group for row in rows),
        values=tuple(row.scores["quality"].value for row in rows),
        by=by,
    )


def counted(task: Task, examples: Sequence[Example]) -> tuple[Example, ...]:
    """The rows that the quality bar is about; all where it is about none of them."""
    measure = measure_of(task, task.quality)
    return tuple(row for row in examples if task.quality.plain or measure.is_about(row)) or tuple(examples)


def line_of(task: Task) -> float | None:
    """What the mean of the shares is held against; None where the bar is relative, or not on such a mean."""
    bar = task.quality
    linear = None if bar.plain else measure_of(task, bar).linear
    if bar.plain or bar.other is not None:
        return bar.at_least
    return None if linear is None else linear.scores((), bar.line)[1]


def described(task: Task) -> str:
    """What the mean of the shares is, in words; "" where it is the mean score of all rows."""
    bar = task.quality
    if bar.plain:
        return ""
    linear = measure_of(task, bar).linear
    if linear is None:
        return f"the mean score, for {bar.measured} is of all rows at once"
    if not linear.is_mean:
        held = linear.scores((), bar.line)[1]
        return f"shares in holding {bar.measured} at {say(bar.unit, bar.line)}, which it does at {held:.1%}"
    if bar.cost:
        return f"1 - {bar.measured} / {linear.span[1]:g}"
    return f"1 - {bar.measured or 'score'}" if linear.most else bar.measured
