"""Metrics that are no mean over rows, with bounds by the delta method: macro-F1, balanced accuracy, Matthews, Spearman, ECE.

Each gives its value on weighted rows, and each row's influence on it: how fast the value changes as the row weighs more. The sum of
a cluster's influences is what it adds to the value, so that the variance is that of these sums (Efron, 1982: the infinitesimal
jackknife). The bound is so many standard errors away, by Student's t with as many degrees of freedom as clusters bear the variance.

Few rows of a class that happen to be all right have no variance, and say little. So imagined rows are added before the influences
are taken: for each class a row that is right and a row that is wrong (of numbers: a quarter of each of the two worst pairs; of
chances: one that is sure and wrong, one that is not and right), a row as large as a typical cluster. Bounds start as far off the
value as these rows move it. All this was chosen by simulation: see tests/verify/stats/test_whole.py and benchmarks/bars.py. Other
scales (logit, Fisher's z) do not do: a metric near 1, where imagined rows bear the variance, would never be proven.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.verify.stats.bounds import Bounds

if TYPE_CHECKING:
    import numpy as np

METHOD = "delta method over {clusters}, held by simulation"
BINS = 10
SMALL = 1e-12
IMAGINED = 1.0


@dataclass(frozen=True, kw_only=True)
class Valued:
    """What a metric comes to, and each row's influence on it (n,): its mean, by weight, is 0."""

    value: float
    influence: np.ndarray


def macro_f1(truth: np.ndarray, answer: np.ndarray, weight: np.ndarray, classes: int) -> Valued:
    """The mean over classes of 2 TP / (2 TP + FP + FN).

    truth    (n,) class numbers in [0, classes)
    answer   (n,) the same, `classes` for an answer that was read as none
    weight   (n,) how much each row counts
    """
    import numpy as np

    true, said, right = _totals(truth, answer, weight, classes)
    below = np.maximum(true + said, SMALL)
    f1 = 2 * right / below
    n, hit = weight.sum(), truth == answer
    of_truth, of_answer = f1[truth] / below[truth], np.append(f1 / below, 0.0)[answer]
    influence = n / classes * (np.where(hit, 2 / below[truth], 0.0) - of_truth - of_answer)
    return Valued(value=float(f1.mean()), influence=influence)


def balanced_accuracy(truth: np.ndarray, answer: np.ndarray, weight: np.ndarray, classes: int) -> Valued:
    """The mean over classes of recall. Arguments as in `macro_f1`."""
    import numpy as np

    true, _, right = _totals(truth, answer, weight, classes)
    below = np.maximum(true, SMALL)
    recall = right / below
    influence = weight.sum() / classes * ((truth == answer) - recall[truth]) / below[truth]
    return Valued(value=float(recall.mean()), influence=influence)


def matthews(truth: np.ndarray, answer: np.ndarray, weight: np.ndarray, classes: int) -> Valued:
    """Matthews' correlation of several classes (Gorodkin, 2004); 0 where one of the two is always the same."""
    import numpy as np

    n = float(weight.sum())
    true = np.bincount(truth, weights=weight, minlength=classes + 1)
    said = np.bincount(answer, weights=weight, minlength=classes + 1)
    right = float(weight[truth == answer].sum())
    top, of_said, of_true = right * n - said @ true, n**2 - said @ said, n**2 - true @ true
    if of_said <= SMALL or of_true <= SMALL:
        return Valued(value=0.0, influence=np.zeros(len(truth)))
    scale = math.sqrt(of_said * of_true)
    value = top / scale
    d_top = (truth == answer) * n + right - true[answer] - said[truth]
    influence = n * (d_top / scale - value * ((n - said[answer]) / of_said + (n - true[truth]) / of_true))
    return Valued(value=float(value), influence=influence)


def spearman(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Valued:
    """The correlation of mid-ranks; 0 where one of the two is always the same."""
    import numpy as np

    share = weight / weight.sum()
    f, g = _grades(x, share), _grades(y, share)
    fg, ff, gg = (float(share @ product) for product in (f * g, f * f, g * g))
    var_f, var_g = ff - 0.25, gg - 0.25
    if var_f <= SMALL or var_g <= SMALL:
        return Valued(value=0.0, influence=np.zeros(len(x)))
    scale = math.sqrt(var_f * var_g)
    value = (fg - 0.25) / scale
    d_top = f * g + _above(x, share * g) + _above(y, share * f) - 3 * fg
    d_f = f * f + 2 * _above(x, share * f) - 3 * ff
    d_g = g * g + 2 * _above(y, share * g) - 3 * gg
    return Valued(value=float(value), influence=d_top / scale - value / 2 * (d_f / var_f + d_g / var_g))


def ece(sure: np.ndarray, right: np.ndarray, weight: np.ndarray) -> Valued:
    """Expected calibration error over ten bins of equal width (Guo et al., 2017).

    sure   (n,) the chance that the model gave its answer, in [0, 1]
    right  (n,) whether it was right, 0 or 1
    """
    import numpy as np

    share = weight / weight.sum()
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=share * (right - sure), minlength=BINS)
    value = float(np.abs(gaps).sum())
    return Valued(value=value, influence=np.sign(gaps)[bins] * (right - sure) - value)


def _totals(truth: np.ndarray, answer: np.ndarray, weight: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight of each class among the targets, among the answers, and of those that are right."""
    import numpy as np

    true = np.bincount(truth, weights=weight, minlength=classes)
    said = np.bincount(answer, weights=weight, minlength=classes + 1)[:classes]
    right = np.bincount(truth, weights=weight * (truth == answer), minlength=classes)
    return true, said, right


def _grades(x: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The mid-distribution at each value: the share below it and half of the share at it. Its mean is a half."""
    import numpy as np

    _, place = np.unique(x, return_inverse=True)
    at = np.bincount(place, weights=share)
    grades: np.ndarray = (np.cumsum(at) - at / 2)[place]
    return grades


def _above(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """For each value the sum of the weights of larger values, and half of those of equal ones."""
    import numpy as np

    _, place = np.unique(x, return_inverse=True)
    at = np.bincount(place, weights=weights)
    sums: np.ndarray = (at.sum() - np.cumsum(at) + at / 2)[place]
    return sums


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A metric on rows: how it is taken (`take`, of columns and weights), the rows imagined for it, and its ends.

    imagined   the columns of the imagined rows, and the weight of each
    floor      another lower bound, of (columns, cluster numbers, level), where the value is too high on average
    """

    take: Callable[..., Valued]
    imagined: tuple[tuple[np.ndarray, ...], np.ndarray]
    ends: tuple[float, float] = (0.0, 1.0)
    floor: Callable[[tuple[np.ndarray, ...], np.ndarray, float], float] | None = None

    def value(self, *columns: np.ndarray) -> float:
        """The metric on rows that each count once."""
        import numpy as np

        return self.take(*columns, np.ones(len(columns[0]))).value

    def bounds(self, columns: tuple[np.ndarray, ...], of: np.ndarray, level: float) -> Bounds:
        """A lower and an upper bound, each one-sided at `level`; `of` are the rows' cluster numbers."""
        import numpy as np

        members = np.unique(of, return_inverse=True)[1]
        sizes = np.bincount(members)
        typical = float((sizes**2).sum() / len(of))
        more, weights = self.imagined
        together = tuple(np.concatenate([real, made]) for real, made in zip(columns, more, strict=True))
        weight = np.concatenate([np.ones(len(of)), typical * weights])
        clusters = np.concatenate([members, len(sizes) + np.arange(len(weights))])
        found = self.take(*together, weight)
        away = _away(found.influence, clusters, weight, level)
        plain = self.value(*columns)
        shift = abs(found.value - plain)
        floor = self.floor(columns, members, level) if self.floor else max(self.ends[0], plain - shift - away)
        method = METHOD.format(clusters=f"{len(sizes):,} " + ("rows" if len(sizes) == len(of) else "groups of rows"))
        return Bounds(lower=floor, upper=min(self.ends[1], plain + shift + away), method=method)


def _away(influence: np.ndarray, of: np.ndarray, weight: np.ndarray, level: float) -> float:
    """How far a bound is from the value: standard errors by Student's t."""
    import numpy as np
    from scipy.special import stdtrit

    squares = np.bincount(of, weights=influence * weight) ** 2
    if squares.sum() <= SMALL:
        return math.inf
    count = len(squares)
    error = math.sqrt(squares.sum() * count / max(1, count - 1)) / float(weight.sum())
    bearing = squares.sum() ** 2 / (squares**2).sum()
    return float(stdtrit(max(1.0, bearing), 1 - level)) * error


def of_classes(name: str, classes: int) -> Whole:
    """Macro-F1, balanced accuracy or Matthews' correlation of so many classes; columns are `truth` and `answer`."""
    import numpy as np

    metric = {"macro_f1": macro_f1, "balanced_accuracy": balanced_accuracy, "matthews": matthews}[name]
    pairs = np.array([(truth, answer) for truth in range(classes) for answer in range(classes)])
    wrong = np.full(len(pairs), IMAGINED / max(1, classes - 1))
    weights = np.where(pairs[:, 0] == pairs[:, 1], IMAGINED, wrong)
    return Whole(
        take=lambda truth, answer, weight: metric(truth, answer, weight, classes),
        imagined=((pairs[:, 0], pairs[:, 1]), weights),
        ends=(-1.0, 1.0) if name == "matthews" else (0.0, 1.0),
    )


def of_numbers(x: np.ndarray, y: np.ndarray) -> Whole:
    """Spearman's correlation; the columns are `x` and `y`, whose ends are paired the wrong way round in the imagined rows."""
    import numpy as np

    ends = (np.array([x.min(), x.max()]), np.array([y.max(), y.min()]))
    return Whole(take=spearman, imagined=(ends, np.full(2, IMAGINED / 4)), ends=(-1.0, 1.0))


def of_chances() -> Whole:
    """Expected calibration error; the columns are `sure` and `right`, and the imagined rows are sure and wrong, unsure and right.

    The error of a sample is larger than that of the world, so that it bounds it from above alone. From below the gap between all
    chances and all right ones does, which is never larger.
    """
    import numpy as np

    imagined = ((np.array([1.0, 0.0]), np.array([0.0, 1.0])), np.full(2, IMAGINED))
    return Whole(take=ece, imagined=imagined, floor=_overall_gap)


def _overall_gap(columns: tuple[np.ndarray, ...], of: np.ndarray, level: float) -> float:
    """A lower bound on the distance between the mean chance and the share of right answers."""
    import numpy as np

    gaps = columns[1] - columns[0]
    away = _away(gaps - gaps.mean(), of, np.ones(len(gaps)), level / 2)
    return max(0.0, abs(float(gaps.mean())) - away)
