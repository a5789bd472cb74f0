"""Gaffke's test of "the mean is no larger than the bar" on scores in [0, 1] that may come in clusters.

    Gaffke (2005), Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable;
    Learned-Miller and Thomas (2019), A new confidence interval for the mean of a bounded random variable, arXiv 1905.06208

A cluster's excess is its total less its size times the bar; if the mean score is at most the bar, the mean excess is at most 0.
The excesses are weighted by a point drawn evenly from the simplex, and one imagined cluster with nothing right stands among them:

    p = P(sum of E_i x excess_i <= 0)        E_i independent standard exponentials

For scores of 0 or 1, every row alone, this is the exact binomial test, and its bound Clopper and Pearson's. That the test keeps its
level for every distribution is a conjecture: no counterexample is known, and `benchmarks/simulations.py` holds it on a wide grid.
Nothing is drawn: the probability is an integral of the moment generating function, along a line through its saddle point.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

STEP = 0.05
CHUNK = 64
LONGEST = 40 * CHUNK


def imagined_size(sizes: np.ndarray) -> float:
    """Rows of the imagined cluster: the mean size, each cluster weighted by the cube of its own.

    That is the size of all where they are equal, and nearly the largest where one is far above the rest. The exponent is the least
    that no cell of the null grid refutes (docs/statistics.md): with the plain mean the test is wrong up to 57 times too often,
    where large clusters are all right or all wrong and score worse; by size four times, by its square a little, in one cell.
    """
    return float((sizes**4).sum() / (sizes**3).sum())


def p_value(sums: np.ndarray, sizes: np.ndarray, imagined: float, mean: float) -> float:
    """The p-value of "the mean is at most `mean`", in (0, 1).

    sums, sizes  (n,) total score and rows of each cluster, in any unit that both share
    imagined     rows of the imagined cluster in that unit, from `imagined_size`
    """
    import numpy as np

    excess, counts = np.unique(np.append(sums - mean * sizes, -mean * imagined), return_counts=True)
    return _at_most_zero(excess, counts.astype(float))


def approximate_p_values(excess: np.ndarray) -> np.ndarray:
    """The same for many samples at once, within about 3% of itself (Lugannani and Rice, 1980).

    excess   (samples, n + 1) excesses, the imagined cluster's among them
    returns  (samples,)
    """
    import numpy as np
    from scipy.special import ndtr

    found = np.ones(len(excess))
    open_ = excess.max(axis=1) > 0
    weights = excess[open_]
    saddle = _saddle(weights, 1.0)
    rest = 1 - saddle[:, None] * weights
    curvature = np.sqrt(((weights / rest) ** 2).sum(axis=1)) * saddle
    root = np.sign(saddle) * np.sqrt(np.maximum(2 * np.log(rest).sum(axis=1), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = np.exp(-(root**2) / 2) / math.sqrt(2 * math.pi) * (1 / curvature - 1 / root)
    found[open_] = np.where(np.abs(curvature) < 1e-3, 0.5, ndtr(root) - correction)
    return found


def _at_most_zero(weights: np.ndarray, counts: np.ndarray) -> float:
    """P(sum of counts-fold weights x exponentials <= 0), to about nine digits; one weight at least is negative."""
    import numpy as np

    if weights[-1] <= 0:
        return 1.0
    line, spread = float(_saddle(weights, counts)), math.sqrt(float((counts * weights**2).sum()))
    if abs(line) * spread < 0.3:
        line = -0.3 / spread
    scale = 1 / math.sqrt(float((counts * (weights / (1 - line * weights)) ** 2).sum()))
    lead = -float((counts * np.log(1 - line * weights)).sum())
    total, peak = 0.0, 0.0
    for start in range(0, LONGEST, CHUNK):
        place = STEP * np.arange(start, start + CHUNK)
        points = line + 1j * scale * np.sinh(place)
        logs = -(counts * np.log(1 - points[:, None] * weights)).sum(axis=1) - lead
        values = (np.exp(logs) / points).real * np.cosh(place)
        total += float(values.sum()) - (float(values[0]) / 2 if not start else 0.0)
        peak = max(peak, float(np.abs(values).max()))
        if abs(float(values[-1])) < 1e-16 * peak:
            break
    tail = abs(total) * STEP * scale / math.pi * math.exp(lead)
    return min(1.0, tail if line < 0 else 1 - tail)


def _saddle(weights: np.ndarray, counts: Any) -> Any:
    """Where the cumulant generating function is least: Newton's steps between its two nearest poles, halved where they lead out."""
    import numpy as np

    low, high = 1 / weights.min(axis=-1), 1 / weights.max(axis=-1)
    here = np.zeros_like(low)
    for _ in range(100):
        rest = weights / (1 - here[..., None] * weights)
        slope, curvature = (counts * rest).sum(axis=-1), (counts * rest**2).sum(axis=-1)
        low, high = np.where(slope > 0, low, here), np.where(slope > 0, here, high)
        there = here - slope / curvature
        there = np.where((there <= low) | (there >= high), (low + high) / 2, there)
        settled = bool((np.abs(there - here) * np.sqrt(curvature) < 1e-9).all())
        here = there
        if settled:
            break
    return here
