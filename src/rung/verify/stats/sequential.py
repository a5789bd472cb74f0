"""The decision on one mean against one bar: looked at after every slice of rows, and once more, exactly, when all rows are in.

alpha is spent twice in halves. The lower bound is wrong at most alpha of the time: alpha / 2 goes to the betting e-process, which
may stop the gate at any look, and alpha / 2 to a bound of fixed size, taken once at the full number of rows. The reported bound
is the larger of the two. The upper bound mirrors it. A pass is a lower bound at or above the bar, a fail an upper bound below it:
the bounds shown are the ones that decided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rung.types import Status
from rung.verify.stats import bounds, clusters, eprocess

if TYPE_CHECKING:
    import numpy as np

POWER = 0.8
FUTILE_BELOW = 0.05
# Futility is asked once this many rows are in: by then a clear failure is a proven one.
FUTILITY_AFTER_ROWS = 100
FUTILITY_AFTER_SHARE = 0.25

FixedBounds = Callable[[Sequence[float], Sequence[int], float], bounds.Bounds]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The rows looked at so far, in look order.

    worst, best  n scores in [0, 1]: a missing one is 0 in `worst`, which must pass, and 1 in `best`, which must fail
    of           the cluster number of each of all rows of the test split, looked at or not
    """

    worst: tuple[float, ...]
    best: tuple[float, ...]
    of: tuple[int, ...]

    @property
    def n(self) -> int:
        return len(self.worst)

    @property
    def complete(self) -> bool:
        return self.n == len(self.of)

    def bets(self, scores: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Totals and sizes of the clusters wholly looked at, in order of completion, over the size of the test split's largest."""
        import numpy as np

        whole = np.bincount(self.of)
        last = np.zeros(len(whole), int)
        last[np.asarray(self.of)] = np.arange(len(self.of))
        seen = np.asarray(self.of[: self.n], int)
        sums = np.bincount(seen, weights=scores, minlength=len(whole))
        done = np.flatnonzero(last < self.n)
        done = done[np.argsort(last[done])]
        return sums[done] / whole.max(), whole[done] / whole.max()

    @cached_property
    def variance(self) -> float:
        """What one row adds to the variance of the mean, times n squared; clustering included."""
        return bounds.row_variance(self.worst, self.of[: self.n])


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`status` None means that the next rows are to be looked at. `needed` is how many more labels would decide."""

    status: Status | None
    lower: float
    upper: float
    stopped_by: str
    needed: int | None = None


def decide(sample: Sample, bar: float, alpha: float, fixed: FixedBounds = bounds.fixed_bounds) -> Decision:
    """The decision on `mean >= bar` after the rows of `sample`. `fixed` gives the bounds at the full number of rows."""
    lower = eprocess.lower_bound(*sample.bets(sample.worst), alpha / 2)
    upper = 1 - eprocess.lower_bound(*sample.bets([1 - score for score in sample.best]), alpha / 2)
    if status := _status(lower, upper, bar):
        return Decision(status=status, lower=lower, upper=upper, stopped_by="e-process")
    if not sample.complete:
        if not _futile(sample, bar, alpha):
            return Decision(status=None, lower=lower, upper=upper, stopped_by="")
        return Decision(status="undecided", lower=lower, upper=upper, stopped_by="futility", needed=_needed(sample, bar, alpha))
    floor = fixed(sample.worst, sample.of, alpha / 2)
    ceiling = floor if sample.worst == sample.best else fixed(sample.best, sample.of, alpha / 2)
    lower, upper = max(lower, floor.lower), min(upper, ceiling.upper)
    status = _status(lower, upper, bar) or "undecided"
    needed = _needed(sample, bar, alpha) if status == "undecided" else None
    return Decision(status=status, lower=lower, upper=upper, stopped_by=floor.method, needed=needed)


def open_still(sample: Sample, bar: float, alpha: float) -> bool:
    """Whether `decide` would ask for the next rows, found without its bounds: a test split of many rows is looked at often."""
    if sample.complete or not 0.0 < bar < 1.0:
        return False
    passed = eprocess.refuted(*sample.bets(sample.worst), bar, alpha / 2)
    failed = eprocess.refuted(*sample.bets([1 - score for score in sample.best]), 1 - bar, alpha / 2)
    return not passed and not failed and not _futile(sample, bar, alpha)


def _status(lower: float, upper: float, bar: float) -> Status | None:
    """Bounds that cross decide nothing: they say that early and late rows differ, so that the rows are no random sample."""
    if lower > upper:
        return None
    if lower >= bar:
        return "pass"
    return "fail" if upper < bar else None


def _futile(sample: Sample, bar: float, alpha: float) -> bool:
    """Whether a pass at the full number of rows has become improbable, by the normal predictive distribution of the final mean."""
    from scipy.special import ndtr, ndtri

    total = len(sample.of)
    if sample.n < max(FUTILITY_AFTER_ROWS, FUTILITY_AFTER_SHARE * total):
        return False
    mean = sum(sample.worst) / sample.n
    wanted = bar + float(ndtri(1 - alpha / 2)) * math.sqrt(sample.variance / total)
    spread = math.sqrt(sample.variance * (1 / sample.n - 1 / total))
    return float(ndtr((mean - wanted) / spread)) < FUTILE_BELOW


def _needed(sample: Sample, bar: float, alpha: float) -> int | None:
    """More rows than test has, for a pass with 80% power if the truth is the estimate; None where that is not above the bar."""
    from scipy.special import ndtri

    gap = sum(sample.worst) / sample.n - bar
    if gap <= 0:
        return None
    rows = (float(ndtri(1 - alpha / 2)) + float(ndtri(POWER))) ** 2 * sample.variance / gap**2
    return max(1, math.ceil(rows) - len(sample.of))


def sample_of(worst: Sequence[float], best: Sequence[float], groups: Sequence[str], n_total: int) -> Sample:
    """Raises ValueError for scores outside [0, 1], more rows than the test split has, or groups that do not cover it."""
    if len(groups) != n_total:
        raise ValueError(f"groups must name the cluster of every row of the test split: {n_total}, not {len(groups)}")
    if len(worst) > n_total:
        raise ValueError(f"{len(worst)} scores for a test split of {n_total} rows")
    if not all(0.0 <= score <= 1.0 for score in (*worst, *best)):
        raise ValueError("scores must lie in [0, 1]")
    return Sample(worst=tuple(map(float, worst)), best=tuple(map(float, best)), of=tuple(clusters.labels(groups)))
