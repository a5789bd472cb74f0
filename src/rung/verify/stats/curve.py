"""A learning curve on nested subsets of the train rows: score(n) = A - B (n + n0)^-c, for a forecast and never as proof.

The law is the rectified one of Lin et al. (arXiv 2402.02314), bounded to A in [0, 1] and B >= 0: more rows never hurt in the long
run. Four points cannot tell four parameters, so the shape (c, n0) is averaged over a grid, each shape weighted by how well it fits;
A and B are fitted to each of many bootstrap samples. The samples draw evaluation items with replacement, the same ones for all
subsets (the scores are paired) and whole groups at a time; which rows a subset happened to hold adds a little noise of its own.

Simulated (tests): the 80% interval holds the truth at twice and four times the rows in 75 to 95% of curves; "not reachable" is
wrong at most one time in ten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rung.verify.stats import clusters

SAMPLES = 800
EXPONENTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.4)
HEAD_STARTS = (0.0, 0.5, 2.0)  # n0, in units of the smallest subset
# Standard deviation of a score over subsets of the same size, at the largest subset; it falls as 1 / sqrt(n). It cannot be seen
# from one nested sequence.
SUBSET_SD = 0.005
# Beyond this many times the rows at hand nothing is said.
FARTHEST = 64


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The score expected after training on `rows` rows, with the curve's interval."""

    rows: int
    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Labels:
    """How many train rows, in all, until a score is reached: where the curve's upper end, its estimate and its lower end do so.

    None says "not within `farthest` rows". `fewest` None is futility: not even the upper end of the interval comes so far.
    """

    bar: float
    fewest: int | None
    likely: int | None
    most: int | None
    farthest: int

    @property
    def futile(self) -> bool:
        return self.fewest is None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A fitted curve.

    sizes, means  the subsets' rows, and the mean score of each
    items         evaluation items that every mean is over, in `clusters` independent groups
    level         of the interval: each end is wrong (1 - level) / 2 of the time
    draws         (samples, 4) plausible A, B, n0, c
    doubt         why the curve cannot tell whether more rows help, or ""
    """

    sizes: tuple[int, ...]
    means: tuple[float, ...]
    items: int
    clusters: int
    level: float
    draws: Any
    doubt: str

    def at(self, rows: int) -> Prediction:
        """The score expected after `rows` rows, 1 or more."""
        import numpy as np

        tail = (1 - self.level) / 2
        lower, estimate, upper = (float(end) for end in np.quantile(self._values(rows), (tail, 0.5, 1 - tail)))
        return Prediction(rows=rows, estimate=estimate, lower=lower, upper=upper)

    def labels_for(self, bar: float) -> Labels:
        """How many rows in all until the bar is reached. Each end of the interval rises with the rows, so it is a bisection."""
        farthest = FARTHEST * self.sizes[-1]
        fewest, likely, most = (self._first(bar, end, farthest) for end in ("upper", "estimate", "lower"))
        return Labels(bar=bar, fewest=fewest, likely=likely, most=most, farthest=farthest)

    def _values(self, rows: int) -> Any:
        import numpy as np

        top, drop, start, power = self.draws.T
        return np.clip(top - drop * (rows + start) ** -power, 0.0, 1.0)

    def _first(self, bar: float, end: str, farthest: int) -> int | None:
        if getattr(self.at(farthest), end) < bar:
            return None
        low, high = 0, farthest
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if getattr(self.at(middle), end) >= bar else (middle, high)
        return high


def fit_curve(
    sizes: Sequence[int], scores: Sequence[Sequence[float]], groups: Sequence[str], *, level: float = 0.8, seed: int = 0
) -> Curve:
    """The curve through the mean scores of nested subsets.

    sizes   k >= 2 numbers of rows, rising
    scores  k rows of n scores in [0, 1], of the same evaluation items in the same order
    groups  n names: the cluster of each item, "" for an item alone

    Raises ValueError for fewer sizes or other shapes.
    """
    import numpy as np

    table, n = np.asarray(scores, float), np.asarray(sizes, float)
    if len(n) < 2 or (np.diff(n) <= 0).any() or n[0] < 1:
        raise ValueError(f"a curve needs two or more subset sizes, rising from 1: {list(sizes)}")
    if table.ndim != 2 or table.shape[1] != len(groups) or table.shape[0] != len(n) or not len(groups):
        raise ValueError(f"scores of shape {table.shape} for {len(n)} sizes and {len(groups)} items")
    if not ((table >= 0) & (table <= 1)).all():
        raise ValueError("scores must lie in [0, 1]")
    of = np.asarray(clusters.labels(groups))
    means = table.mean(axis=1)
    resampled = _bootstrap(table, of, n, np.random.default_rng(seed))
    doubt = _doubt(resampled, (1 - level) / 2)
    return Curve(
        sizes=tuple(int(size) for size in sizes),
        means=tuple(float(mean) for mean in means),
        items=len(groups),
        clusters=int(of.max()) + 1,
        level=level,
        draws=_draws(n, means, resampled, np.random.default_rng(seed + 1)),
        doubt=doubt,
    )


def _bootstrap(table: Any, of: Any, sizes: Any, chance: Any) -> Any:
    """(samples, k) mean scores of resampled items, clusters whole, around the observed means.

    Two imagined clusters, one all right and one all wrong, are drawn from as well: they widen the spread where every answer is
    right, and do not move its centre.
    """
    import numpy as np

    rows = np.bincount(of).astype(float)
    sums = np.stack([np.bincount(of, weights=row) for row in table], axis=1)
    typical = len(of) / len(rows)
    sums = np.vstack([sums, np.full(len(table), typical), np.zeros(len(table))])
    rows = np.append(rows, [typical, typical])
    # Clusters that are alike in everything are drawn together: right-or-wrong items make few kinds.
    kinds, counts = np.unique(np.column_stack([rows, sums]), axis=0, return_counts=True)
    times = chance.multinomial(len(rows), counts / len(rows), size=SAMPLES)
    drawn = (times @ kinds[:, 1:]) / (times @ kinds[:, :1])
    noise = chance.normal(size=drawn.shape) * SUBSET_SD * np.sqrt(sizes[-1] / sizes)
    return np.clip(table.mean(axis=1) + drawn - drawn.mean(axis=0) + noise, 0.0, 1.0)


def _doubt(resampled: Any, tail: float) -> str:
    import numpy as np

    rise = resampled[:, -1] - resampled[:, 0]
    if np.quantile(rise, tail) > 0:
        return "" if resampled.shape[1] > 2 else "two points fix no shape: the forecast rests on the law alone"
    if np.quantile(rise, 1 - tail) < 0:
        return "the score falls with more rows: the rows or the training differ along the curve, and no forecast should rest on it"
    return "the score does not rise clearly from the smallest subset to the largest: these rows cannot tell whether more would help"


def _draws(sizes: Any, means: Any, resampled: Any, chance: Any) -> Any:
    """(samples, 4) A, B, n0, c: a shape for each sample, drawn by how well it fits the observed means, and the sample's own fit."""
    import numpy as np

    precision = np.linalg.inv(np.cov(resampled.T) + 1e-8 * np.eye(len(sizes)))
    shapes = [(start * sizes[0], power) for start in HEAD_STARTS for power in EXPONENTS]
    misfit = []
    for start, power in shapes:
        x = (sizes + start) ** -power
        top, drop = _fit(x, means[None], precision)
        left = means - (top[0] - drop[0] * x)
        misfit.append(left @ precision @ left)
    weights = np.exp(-0.5 * (np.asarray(misfit) - min(misfit)))
    picked = chance.choice(len(shapes), size=len(resampled), p=weights / weights.sum())
    draws = np.empty((len(resampled), 4))
    for place, (start, power) in enumerate(shapes):
        mine = picked == place
        top, drop = _fit((sizes + start) ** -power, resampled[mine], precision)
        draws[mine] = np.column_stack([top, drop, np.full(len(top), start), np.full(len(top), power)])
    return draws


def _fit(x: Any, y: Any, precision: Any) -> tuple[Any, Any]:
    """(m,) A and B of y (m, k) = A - B x by generalised least squares, held to A <= 1 and B >= 0."""
    import numpy as np

    design = np.column_stack([np.ones_like(x), -x])
    solve = np.linalg.solve(design.T @ precision @ design, design.T @ precision)
    top, drop = y @ solve.T[:, 0], y @ solve.T[:, 1]
    # At A = 1 the least squares in B alone; at B = 0 those in A alone.
    at_most = (1 - y) @ precision @ x / (x @ precision @ x)
    top, drop = np.where(top > 1, 1.0, top), np.where(top > 1, at_most, drop)
    weight = precision.sum(axis=0)
    flat = y @ weight / weight.sum()
    level = np.clip(flat, y.min(axis=1), y.max(axis=1))
    return np.where(drop < 0, level, top), np.maximum(drop, 0.0)


def describe(curve: Curve, labels: Labels) -> str:
    """What the curve says of a bar, as a forecast, in a sentence."""
    now = curve.sizes[-1]
    sure = f"{curve.level:.0%} interval"
    if curve.means[-1] >= labels.bar and labels.likely is not None and labels.likely <= now:
        return f"the curve stands at the bar of {labels.bar:.1%} already with {now:,} train rows; more rows make it surer"
    if labels.fewest is None:
        top = curve.at(labels.farthest).upper
        return (
            f"more labels are not forecast to help: even with {labels.farthest:,} train rows the upper end of the curve "
            f"({sure}) is {top:.1%}, below the bar of {labels.bar:.1%}"
        )
    begin = f"at least about {_round(labels.fewest - now):,}" if labels.fewest > now else "possibly none"
    middle = f", most likely about {_round(max(labels.likely - now, 0)):,}" if labels.likely is not None else ""
    end = f" and at most {_round(labels.most - now):,}" if labels.most is not None and labels.most > now else ""
    open_end = "" if end else f"; no upper limit within {labels.farthest:,} rows"
    return f"the bar of {labels.bar:.1%} is forecast to take {begin}{middle}{end} more train rows ({sure}){open_end}"


def _round(rows: int) -> int:
    """To two significant digits: more would promise what no curve can."""
    if rows <= 0:
        return 0
    unit: int = 10 ** max(0, math.floor(math.log10(rows)) - 1)
    return math.ceil(rows / unit) * unit
