"""One-sided bounds on a mean from a sample of fixed size. Each is wrong at most `level` of the time.

    every row its own cluster, scores 0 or 1     Clopper-Pearson                                      exact
    fewer than 20 clusters, or other scores      betting on cluster totals                            valid at every size
    20 clusters or more                          Clopper-Pearson at the effective number of rows      by simulation, see tests

A two-sided interval of 1 - alpha takes both bounds at alpha / 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.verify.stats import clusters

if TYPE_CHECKING:
    import numpy as np

FEW_CLUSTERS = 20
# Two clusters of twice the average size, one all right and one all wrong, are added to the estimate of the spread. The factor was
# chosen by simulation. Scores of 0 or 1, 20 to 1,000 clusters of 1 to 29 rows, means .5 to .99, correlation 0 to .95, levels 2.5%
# and .6%: none of 600 cells is wrong more often than its level by three standard errors; without the two, up to 13% at 2.5%. Paired
# differences, correlation to .7: the same but for candidates that never lose a row (one cell in 336: 3.1% at 2.5%).
IMAGINED_CLUSTER = 2.0
LARGEST_BET = 0.75


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """A lower and an upper bound, each at its own level, and the `method` that gave them."""

    lower: float
    upper: float
    method: str


def clopper_pearson(successes: float, n: float, level: float) -> tuple[float, float]:
    """Lower and upper bound on a probability, each one-sided at `level` (Clopper and Pearson, 1934). Counts may be fractions."""
    from scipy.special import betaincinv

    lower = 0.0 if successes <= 0 else float(betaincinv(successes, n - successes + 1, level))
    upper = 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - level))
    return lower, upper


def fixed_bounds(values: Sequence[float], of: Sequence[int], level: float) -> Bounds:
    """Bounds on the mean of scores in [0, 1], by the method that fits them (table above).

    values  n scores
    of      n cluster numbers, from `clusters.labels`
    """
    import numpy as np

    scores, members = np.asarray(values, float), np.asarray(of)
    count = len(np.unique(members))
    alone = count == len(scores)
    binary = bool(np.isin(scores, (0.0, 1.0)).all())
    if alone and binary:
        lower, upper = clopper_pearson(float(scores.sum()), len(scores), level)
        return Bounds(lower=lower, upper=upper, method="exact (Clopper-Pearson)")
    if alone or count < FEW_CLUSTERS:
        return _betting(scores, members, level)
    return _effective(scores, members, level, most=len(scores) if binary else math.inf)


def design_effect(values: Sequence[float], of: Sequence[int]) -> float:
    """How many times wider than that of independent rows the variance of the mean is; 1 where the scores do not vary."""
    import numpy as np

    scores = np.asarray(values, float)
    sums, sizes = clusters.totals(scores, np.asarray(of))
    independent = scores.var(ddof=1) / len(scores) if len(scores) > 1 else 0.0
    return float(_variance_of_mean(sums, sizes) / independent) if independent > 0 and len(sums) > 1 else 1.0


def row_variance(values: Sequence[float], of: Sequence[int]) -> float:
    """n times the cautious variance of the mean: what one row contributes, clustering included. Never zero."""
    import numpy as np

    scores = np.asarray(values, float)
    return len(scores) * _cautious_variance(*clusters.totals(scores, np.asarray(of)))[0]


def _variance_of_mean(sums: np.ndarray, sizes: np.ndarray) -> float:
    count, n = len(sums), sizes.sum()
    residuals = sums - sizes * (sums.sum() / n)
    return float((residuals**2).sum() / n**2 * count / (count - 1))


def _cautious_variance(sums: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """Variance of the mean and the mean around which it was taken, two imagined clusters included."""
    n, count = sizes.sum(), max(len(sums), 2)
    imagined = IMAGINED_CLUSTER * (sizes**2).sum() / n
    middle = (sums.sum() + imagined) / (n + 2 * imagined)
    observed = sums - sizes * (sums.sum() / n)
    spread = (observed**2).sum() + (imagined * (1 - middle)) ** 2 + (imagined * middle) ** 2
    return float(spread / n**2 * count / (count - 1)), float(middle)


def _effective(scores: np.ndarray, members: np.ndarray, level: float, most: float) -> Bounds:
    """Clopper-Pearson with the number of independent rows that carry as much, after Korn and Graubard (1998)."""
    from scipy.special import ndtri, stdtrit

    sums, sizes = clusters.totals(scores, members)
    variance, middle = _cautious_variance(sums, sizes)
    few = (float(ndtri(1 - level)) / float(stdtrit(len(sums) - 1, 1 - level))) ** 2
    rows = min(max(middle * (1 - middle) / variance * few, 1.0), most)
    lower, upper = clopper_pearson(float(scores.mean()) * rows, rows, level)
    return Bounds(lower=lower, upper=upper, method="clustered (Clopper-Pearson at the effective number of rows)")


def _betting(scores: np.ndarray, members: np.ndarray, level: float) -> Bounds:
    sums, sizes = clusters.totals(scores, members)
    largest = sizes.max()
    lower = _betting_lower(sums / largest, sizes / largest, level)
    upper = 1 - _betting_lower((sizes - sums) / largest, sizes / largest, level)
    return Bounds(lower=lower, upper=upper, method="betting")


def _betting_lower(sums: np.ndarray, sizes: np.ndarray, level: float) -> float:
    """The largest mean at which the bets on a larger one have multiplied the stake by 1 / level at some time."""
    import numpy as np

    n = len(sums)
    running = (0.5 + np.cumsum(sums)) / (1.0 + np.cumsum(sizes))
    spread = (0.25 + np.cumsum((sums - running * sizes) ** 2)) / (1.0 + np.arange(1, n + 1))
    before = np.concatenate([[0.25], spread[:-1]])
    wished = np.sqrt(2 * math.log(1 / level) / (n * np.maximum(before, 1e-12)))

    def stake(mean: float) -> float:
        bets = np.minimum(wished, LARGEST_BET / mean)
        return float(np.cumsum(np.log1p(bets * (sums - mean * sizes))).max())

    return largest_rejected(stake, math.log(1 / level))


def largest_rejected(stake: Callable[[float], float], needed: float, steps: int = 26) -> float:
    """The largest mean in [0, 1] whose log stake reaches `needed`, by bisection: the stake falls as the mean rises."""
    low, high = 0.0, 1.0
    for _ in range(steps):
        middle = (low + high) / 2
        if stake(middle) >= needed:
            low = middle
        else:
            high = middle
    return low
