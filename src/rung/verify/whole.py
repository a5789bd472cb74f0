"""A bar on a metric that is taken of all rows at once: the columns that it is made of, and what is said when all rows are in.

A missing row counts as the worst that it could be towards a pass, and as the best that it could be towards a fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

from rung.data.read.where import number
from rung.types import Bar, Example, Status, Verdict
from rung.verify.metrics import METRICS, Answered, probabilities
from rung.verify.scoring import BoundScorer
from rung.verify.stats.whole import Whole, of_chances, of_classes, of_numbers

if TYPE_CHECKING:
    import numpy as np

Columns = tuple["np.ndarray", "np.ndarray"]


class Taken:
    """A metric over the rows of a bar that were answered: the metric, and its columns at their worst and at their best."""

    def __init__(self, bar: Bar, scorer: BoundScorer, examples: Sequence[Example], rows: Sequence[Answered]) -> None:
        """`examples` are all rows of the split that the bar is about: the classes are those of their targets."""
        self.bar, self.scorer, self.rows = bar, scorer, rows
        labels = sorted({label for row in examples if (label := scorer.target_label(row)) is not None})
        self.needs = METRICS[bar.metric].needs
        self.classes = {label: place for place, label in enumerate(labels)}
        known = [float(label) for label in labels] if self.needs == "numbers" else [0.0]
        self.ends = min(known), max(known)

    def columns(self, *, best: bool) -> Columns:
        """Two figures a row: the class numbers of target and answer, two numbers, or how sure and whether right."""
        import numpy as np

        pair = {"classes": self._classes, "numbers": self._numbers, "probabilities": self._chances}[self.needs]
        pairs = [pair(row, best) for row in self.rows]
        kind = int if self.needs == "classes" else float
        return np.array([a for a, _ in pairs], kind), np.array([b for _, b in pairs], kind)

    def missing(self, row: Answered) -> bool:
        """Whether nothing is known of a row's answer."""
        return not row.answer.logprobs if self.needs == "probabilities" else row.score.value is None

    @property
    def whole(self) -> Whole:
        """The metric, as the rows shape it."""
        if self.needs == "classes":
            return of_classes(self.bar.metric, len(self.classes))
        return of_numbers(*self.columns(best=True)) if self.needs == "numbers" else of_chances()

    def estimate(self) -> float | None:
        """What the metric comes to on the rows that have an answer; None where none has."""
        known = [row for row in self.rows if not self.missing(row)]
        if not known:
            return None
        part = copy(self)
        part.rows = known
        return part.whole.value(*part.columns(best=False))

    def bounds(self, of: Sequence[int], level: float) -> tuple[float, float, str]:
        """Lower bound, upper bound, each one-sided at `level`, and the method; `of` are the rows' cluster numbers."""
        import numpy as np

        members, whole = np.asarray(of), self.whole
        ends = [whole.bounds(self.columns(best=best), members, level) for best in (False, True)]
        lower, upper = (min(end.lower for end in ends), max(end.upper for end in ends))
        return lower, upper, ends[0].method

    def _classes(self, row: Answered, best: bool) -> tuple[int, int]:
        none = len(self.classes)
        target = self.classes[row.target or ""]
        if self.missing(row):
            return target, target if best else none
        return target, self.classes.get(row.label or "", none)

    def _numbers(self, row: Answered, best: bool) -> tuple[float, float]:
        """An answer that is no number stands at the end that is farthest from its target's."""
        target = float(row.target or "nan")
        answer = None if row.label is None else number(row.label)
        if answer is None:
            answer = target if best and self.missing(row) else sum(self.ends) - target
        return target, answer

    def _chances(self, row: Answered, best: bool) -> tuple[float, float]:
        chances = probabilities(self.scorer, row)
        if not chances:
            return 1.0, float(best)
        label = max(chances, key=lambda name: (chances[name], name))
        return chances[label], float(label == row.target)


def verdict_of(taken: Taken, of: Sequence[int], alpha: float) -> Verdict:
    """The verdict once all rows are in. Both bounds are at the whole of alpha: there was no look before this one."""
    bar, n = taken.bar, len(taken.rows)
    lower, upper, method = taken.bounds(of, alpha)
    return Verdict(
        status=status_of(bar, lower, upper),
        estimate=taken.estimate(),
        lower=lower,
        upper=upper,
        n=n,
        n_total=n,
        missing=sum(map(taken.missing, taken.rows)),
        alpha=alpha,
        bar=bar.line,
        stopped_by=method,
        reason="",
        name=bar.name,
    )


def status_of(bar: Bar, lower: float, upper: float) -> Status:
    """Whether bounds decide a bar of the kind at_least or at_most."""
    if bar.at_most is not None:
        return "fail" if lower > bar.line else "pass" if upper <= bar.line else "undecided"
    return "fail" if upper < bar.line else "pass" if lower >= bar.line else "undecided"
