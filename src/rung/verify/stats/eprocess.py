"""Betting against "the mean is no larger than the bar": evidence that may be looked at after every row.

A gambler starts with 1 and bets on each cluster's total before it is seen. While the mean is at most the bar no strategy makes
money on average, so the stake reaches 1 / level with probability at most `level`, however often one looks (Ville, 1939; Waudby-
Smith and Ramdas, arXiv 2010.09686). The stake is split over a grid of strategies, each of which always bets the same share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.verify.stats.bounds import largest_rejected

if TYPE_CHECKING:
    import numpy as np

# The share of the largest possible bet that each strategy always places: fine near nothing and near everything.
SHARES = tuple(1 / (1 + math.exp(-4.2 * (2 * k / 15 - 1))) for k in range(16))


@dataclass(frozen=True, kw_only=True)
class Wealth:
    """The gambler's stake after some payoffs, against a mean of at most `bar`.

    logs  (..., 16) the logarithm of what each strategy holds
    now   (...) the logarithm of the mean of them; `peak` is the largest it has been
    """

    bar: float
    logs: Any = 0.0
    now: Any = 0.0
    peak: Any = 0.0

    def after(self, payoffs: Any, sizes: Any = 1.0) -> Wealth:
        """The stake after further clusters, at constant work for each.

        payoffs  (..., n) total score of each cluster, in [0, its size]
        sizes    (..., n) rows of each cluster over those of the largest that can come, in (0, 1]
        """
        import numpy as np

        edge = np.asarray(payoffs, float) / self.bar - sizes
        steps = np.log1p(edge[..., None] * np.array(SHARES))
        logs = np.asarray(self.logs)[..., None, :] + np.cumsum(steps, axis=-2) if np.ndim(self.logs) else np.cumsum(steps, axis=-2)
        largest = logs.max(axis=-1)
        path = largest + np.log(np.exp(logs - largest[..., None]).mean(axis=-1))
        return Wealth(bar=self.bar, logs=logs[..., -1, :], now=path[..., -1], peak=np.maximum(self.peak, path.max(axis=-1)))


def refuted(payoffs: np.ndarray, sizes: np.ndarray, mean: float, level: float) -> bool:
    """Whether the stake has refuted "the mean is at most `mean`", in (0, 1], at some time so far; as in `lower_bound`."""
    return bool(len(payoffs)) and float(Wealth(bar=mean).after(payoffs, sizes).peak) >= math.log(1 / level)


def lower_bound(payoffs: np.ndarray, sizes: np.ndarray, level: float) -> float:
    """The lower end of a confidence sequence: the largest mean that the stake has refuted at some time so far.

    payoffs, sizes  (n,) as in Wealth.after
    returns         a bound in [0, 1) that holds at all times at once with probability 1 - level; 0 without payoffs
    """
    if not len(payoffs):
        return 0.0
    return largest_rejected(lambda mean: float(Wealth(bar=mean).after(payoffs, sizes).peak), math.log(1 / level))
