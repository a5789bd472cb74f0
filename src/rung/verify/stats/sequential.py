"""The decision on one mean against one bar: looked at after every slice of rows, and once more when all rows are in.

    rows alone, scores 0 or 1    exact group-sequential boundaries (`boundaries`), the whole of alpha
    groups, or other scores      a fifth of alpha to the betting e-process, which may stop the gate at any look, and the rest to a
                                 bound of fixed size (`bounds`), taken once at the full number of rows; the larger one is reported

The lower bound is wrong at most alpha of the time, and so is the upper one, which mirrors it. A pass is a lower bound at or above
the bar, a fail an upper bound below it: the bounds shown are the ones that decided.

Where scores in between come only after some looks, those looks have spent a part of alpha, and the bound at the end has that much
less. Where they come so late that too much was spent, they are rare, and count as wrong towards a pass and as right towards a fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from rung.types import Status
from rung.verify.stats import boundaries, bounds, clusters, eprocess, gaffke

if TYPE_CHECKING:
    import numpy as np

POWER = 0.8
FUTILE_BELOW = 0.01
# Futility is asked once this many rows are in: by then a clear failure is a proven one.
FUTILITY_AFTER_ROWS = 100
FUTILITY_AFTER_SHARE = 0.25
# Of alpha, what bets have before all rows are in, and what the bound has once they are: by the power that either leaves, and by how
# soon a clear case ends (docs/statistics.md). Any two parts that sum to one hold.
AT_LOOKS = boundaries.EARLY_SHARE
AT_END = 1 - AT_LOOKS
# What looks at scores of 0 and 1 may have spent, of alpha, when the first score in between comes.
MOST_SPENT = 0.3

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

    @cached_property
    def spent(self) -> float | None:
        """The share of alpha that exact looks spent before a score in between came; None where they go on to the end."""
        total = len(self.of)
        if len(set(self.of)) < total:
            return 0.0
        between = next((row for row, pair in enumerate(zip(self.worst, self.best, strict=True)) if not {*pair} <= {0.0, 1.0}), None)
        if between is None:
            return None
        before = [n for n in boundaries.looks(total) if n <= between]
        spent = boundaries.spent_by(before[-1] / total) if before else 0.0
        return spent if spent <= MOST_SPENT else None

    def right(self, scores: Sequence[float], least: float) -> list[int]:
        """How many of the scores are `least` or more, at each look so far."""
        counts, n = [0], 0
        for end in boundaries.looks(len(self.of)):
            if end > self.n:
                break
            counts.append(counts[-1] + sum(score >= least for score in scores[n:end]))
            n = end
        return counts[1:]

    @cached_property
    def right_at_worst(self) -> list[int]:
        """Of scores of 0 or 1, those right at each look; what is missing or in between counts as wrong."""
        return self.right(self.worst, 1.0)

    @cached_property
    def right_at_best(self) -> list[int]:
        """The same where what is missing or in between counts as right."""
        return self.right(self.best, math.ulp(0.0))

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

    @cached_property
    def imagined(self) -> float:
        """Rows of the cluster that a bound on the whole test split imagines with nothing right."""
        import numpy as np

        return gaffke.imagined_size(np.bincount(self.of).astype(float))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`status` None means that the next rows are to be looked at. `needed` is how many more labels would decide.

    proven  where a conjecture stands behind the bounds, what needs none gives in their place
    """

    status: Status | None
    lower: float
    upper: float
    stopped_by: str
    needed: int | None = None
    proven: tuple[float, float] | None = None


def decide(sample: Sample, bar: float, alpha: float, fixed: FixedBounds | None = None) -> Decision:
    """The decision on `mean >= bar` after the rows of `sample`.

    fixed  the bounds at the full number of rows, where they are not those of `bounds`; no exact looks are made then
    """
    if fixed is None and sample.spent is None:
        return _exactly(sample, bar, alpha)
    lower = eprocess.lower_bound(*sample.bets(sample.worst), alpha * AT_LOOKS)
    upper = 1 - eprocess.lower_bound(*sample.bets([1 - score for score in sample.best]), alpha * AT_LOOKS)
    if status := _status(lower, upper, bar):
        return Decision(status=status, lower=lower, upper=upper, stopped_by="e-process")
    if not sample.complete:
        return _open(sample, bar, alpha, (lower, upper))
    bounded, level = fixed or bounds.fixed_bounds, alpha * (AT_END - (0.0 if fixed else sample.spent or 0.0))
    floor = bounded(sample.worst, sample.of, level)
    ceiling = floor if sample.worst == sample.best else bounded(sample.best, sample.of, level)
    proven = None
    if floor.proven and ceiling.proven:
        proven = max(lower, floor.proven[0]), min(upper, ceiling.proven[1])
    lower, upper = max(lower, floor.lower), min(upper, ceiling.upper)
    status = _status(lower, upper, bar) or "undecided"
    needed = _needed(sample, bar, alpha) if status == "undecided" else None
    return Decision(status=status, lower=lower, upper=upper, stopped_by=floor.method, needed=needed, proven=proven)


def open_still(sample: Sample, bar: float, alpha: float, *, exact: bool = True) -> bool:
    """Whether `decide` would ask for the next rows, found without its bounds: a test split of many rows is looked at often."""
    if sample.complete or not 0.0 < bar < 1.0:
        return False
    total = len(sample.of)
    if exact and sample.spent is None:
        passed = boundaries.passed(sample.right_at_worst, total, alpha, bar)
        failed = boundaries.failed(sample.right_at_best, total, alpha, bar)
        return passed == failed and not _exactly_futile(sample, bar, alpha)
    passed = eprocess.refuted(*sample.bets(sample.worst), bar, alpha * AT_LOOKS)
    failed = eprocess.refuted(*sample.bets([1 - score for score in sample.best]), 1 - bar, alpha * AT_LOOKS)
    return not passed and not failed and not _futile(sample, bar, alpha)


def _exactly(sample: Sample, bar: float, alpha: float) -> Decision:
    total = len(sample.of)
    lower = boundaries.lower_bound(sample.right_at_worst, total, alpha)
    upper = boundaries.upper_bound(sample.right_at_best, total, alpha)
    method = "exact group-sequential test"
    passed = boundaries.passed(sample.right_at_worst, total, alpha, bar)
    if lower <= upper and passed != boundaries.failed(sample.right_at_best, total, alpha, bar):
        return Decision(status="pass" if passed else "fail", lower=lower, upper=upper, stopped_by=method)
    if not sample.complete:
        return _open(sample, bar, alpha, (lower, upper), exact=True)
    return Decision(status="undecided", lower=lower, upper=upper, stopped_by=method, needed=_needed(sample, bar, alpha))


def _open(sample: Sample, bar: float, alpha: float, ends: tuple[float, float], *, exact: bool = False) -> Decision:
    """Rows remain, and nothing is proven: on to the next ones, if they can still bring a pass."""
    lower, upper = ends
    if not (_exactly_futile if exact else _futile)(sample, bar, alpha):
        return Decision(status=None, lower=lower, upper=upper, stopped_by="")
    return Decision(status="undecided", lower=lower, upper=upper, stopped_by="futility", needed=_needed(sample, bar, alpha))


def _status(lower: float, upper: float, bar: float) -> Status | None:
    """Bounds that cross decide nothing: they say that early and late rows differ, so that the rows are no random sample."""
    if lower > upper:
        return None
    if lower >= bar:
        return "pass"
    return "fail" if upper < bar else None


def _exactly_futile(sample: Sample, bar: float, alpha: float) -> bool:
    """As `_futile`, at the last look so far: the boundary says what a pass would ask for."""
    right = sample.right_at_worst
    return bool(right) and right[-1] <= futile_counts(len(sample.of), alpha, bar)[len(right) - 1]


@lru_cache(maxsize=1024)
def futile_counts(n_total: int, alpha: float, bar: float) -> tuple[int, ...]:
    """At each look, the most right answers with which a pass on all rows is improbable; -1 where that is not asked yet."""
    import numpy as np

    if not 0 < bar < 1:
        return (-1,) * len(boundaries.looks(n_total))
    wanted = boundaries.fewest_right(n_total, alpha, boundaries.tick_above(bar, n_total))[-1] / n_total
    found = []
    for n in boundaries.looks(n_total)[:-1]:
        right = np.arange(n + 1)
        middle = (right + 0.5) / (n + 1)
        hopeless = _improbable(right / n, middle * (1 - middle), wanted, n, n_total)
        found.append(int(hopeless.sum()) - 1 if _asked(n, n_total) else -1)
    return (*found, -1)


def _futile(sample: Sample, bar: float, alpha: float) -> bool:
    """Whether a pass at the full number of rows has become improbable, by the normal predictive distribution of the final mean."""
    from scipy.special import ndtri

    total = len(sample.of)
    if not _asked(sample.n, total):
        return False
    wanted = bar + bar * sample.imagined / total + float(ndtri(1 - alpha * AT_END)) * math.sqrt(sample.variance / total)
    return bool(_improbable(sum(sample.worst) / sample.n, sample.variance, wanted, sample.n, total))


def _asked(n: int, total: int) -> bool:
    return n >= max(FUTILITY_AFTER_ROWS, FUTILITY_AFTER_SHARE * total)


def _improbable(mean: np.ndarray | float, variance: np.ndarray | float, wanted: float, n: int, total: int) -> np.ndarray:
    import numpy as np
    from scipy.special import ndtr

    chance: np.ndarray = ndtr((mean - wanted) / np.sqrt(variance * (1 / n - 1 / total)))
    return chance < FUTILE_BELOW


def _needed(sample: Sample, bar: float, alpha: float) -> int | None:
    """More rows than test has, for a pass with 80% power if the truth is the estimate; None where that is not above the bar."""
    gap = sum(sample.worst) / sample.n - bar
    if gap <= 0:
        return None
    return max(1, rows_with_power(gap, sample.variance, alpha, loss=bar * sample.imagined) - len(sample.of))


def rows_with_power(gap: float, variance: float, alpha: float, *, loss: float = 0.0) -> int:
    """About how many rows pass at this alpha with 80% power, where the true mean lies so far (`gap` > 0) above the bar.

    variance  of one row; `loss` is what the imagined cluster takes from the sum of scores

    n rows pass where n x gap is that loss and as many standard errors as level and power ask for.
    """
    from scipy.special import ndtri

    errors = (float(ndtri(1 - alpha * AT_END)) + float(ndtri(POWER))) * math.sqrt(variance)
    root = (errors + math.sqrt(errors**2 + 4 * gap * loss)) / (2 * gap)
    return math.ceil(root**2)


def sample_of(worst: Sequence[float], best: Sequence[float], groups: Sequence[str]) -> Sample:
    """`groups` are those of all rows. Raises ValueError for scores outside [0, 1], or more of them than there are rows."""
    if len(worst) > len(groups):
        raise ValueError(f"{len(worst)} scores for a test split of {len(groups)} rows")
    if not all(0.0 <= score <= 1.0 for score in (*worst, *best)):
        raise ValueError("scores must lie in [0, 1]")
    return Sample(worst=tuple(map(float, worst)), best=tuple(map(float, best)), of=tuple(clusters.labels(groups)))
