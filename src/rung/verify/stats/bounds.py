"""One-sided bounds on a mean from a sample of fixed size. Each is wrong at most `level` of the time.

    every row its own cluster, scores 0 or 1     Clopper-Pearson                 exact
    clusters, or other scores                    Gaffke's on cluster totals      by conjecture; betting, proven, beside it

A two-sided interval of 1 - alpha takes both bounds at alpha / 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.verify.stats import clusters, gaffke

if TYPE_CHECKING:
    import numpy as np

LARGEST_BET = 0.75
PRECISION = 1e-9


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """A lower and an upper bound, each at its own level, and the `method` that gave them.

    proven  where the method's validity is a conjecture, what betting, which is proven, gives at the same level
    """

    lower: float
    upper: float
    method: str
    proven: tuple[float, float] | None = None


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
    sums, sizes = clusters.totals(scores, members)
    alone = len(sums) == len(scores)
    if alone and bool(np.isin(scores, (0.0, 1.0)).all()):
        lower, upper = clopper_pearson(float(scores.sum()), len(scores), level)
        return Bounds(lower=lower, upper=upper, method="exact (Clopper-Pearson)")
    return Bounds(
        lower=_gaffke_lower(sums, sizes, level),
        upper=1 - _gaffke_lower(sizes - sums, sizes, level),
        method="Gaffke's bound" if alone else "Gaffke's bound on groups",
        proven=_betting(sums, sizes, level),
    )


def design_effect(values: Sequence[float], of: Sequence[int]) -> float:
    """How many times wider than that of independent rows the variance of the mean is; 1 where the scores do not vary."""
    import numpy as np

    scores = np.asarray(values, float)
    sums, sizes = clusters.totals(scores, np.asarray(of))
    independent = scores.var(ddof=1) / len(scores) if len(scores) > 1 else 0.0
    return float(_variance_of_mean(sums, sizes) / independent) if independent > 0 and len(sums) > 1 else 1.0


def row_variance(values: Sequence[float], of: Sequence[int]) -> float:
    """n times the variance of the mean, an imagined cluster half right included: what one row adds, clustering too. Never zero."""
    import numpy as np

    scores = np.asarray(values, float)
    sums, sizes = clusters.totals(scores, np.asarray(of))
    imagined = gaffke.imagined_size(sizes)
    middle = (sums.sum() + imagined / 2) / (sizes.sum() + imagined)
    spread = ((sums - sizes * middle) ** 2).sum() + (imagined * middle) ** 2 / 2 + (imagined * (1 - middle)) ** 2 / 2
    return float(spread / len(scores))


def _variance_of_mean(sums: np.ndarray, sizes: np.ndarray) -> float:
    count, n = len(sums), sizes.sum()
    residuals = sums - sizes * (sums.sum() / n)
    return float((residuals**2).sum() / n**2 * count / (count - 1))


def _gaffke_lower(sums: np.ndarray, sizes: np.ndarray, level: float) -> float:
    """The largest mean that Gaffke's test refutes at `level`; its p-value rises with the mean."""
    from scipy.optimize import brentq

    imagined, mean = gaffke.imagined_size(sizes), float(sums.sum() / sizes.sum())

    def above(candidate: float) -> float:
        return math.log(max(gaffke.p_value(sums, sizes, imagined, candidate), 1e-300) / level)

    if mean <= PRECISION or above(PRECISION) >= 0:
        return 0.0
    return float(brentq(above, PRECISION, mean, xtol=PRECISION)) - PRECISION if above(mean) > 0 else mean - PRECISION


def _betting(sums: np.ndarray, sizes: np.ndarray, level: float) -> tuple[float, float]:
    largest = sizes.max()
    lower, upper = (_betting_lower(totals / largest, sizes / largest, level) for totals in (sums, sizes - sums))
    return lower, 1 - upper


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
