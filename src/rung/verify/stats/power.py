"""What the gate does to a candidate of a known mean: by the very bounds that will judge it.

Rows alone are counted exactly (`boundaries.operating`). Rows in groups are drawn: a seeded simulation over the test split's own
group sizes, in which the scores of a group correlate by CLUSTER_CORRELATION (beta-binomial), each sample put to the e-process and
to Gaffke's test as `sequential` puts it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rung.verify.stats import boundaries, bounds, eprocess, gaffke, sequential
from rung.verify.stats.boundaries import Operating

if TYPE_CHECKING:
    import numpy as np

POWER = 0.8
CLUSTER_CORRELATION = 0.2
MOST_SAMPLES = 1000
FEWEST_SAMPLES = 400
DRAWS = 200_000
CHUNK_ROWS = 20_000


def alone(sizes: Sequence[int]) -> bool:
    """Whether every row stands alone."""
    return max(sizes, default=1) == 1


@lru_cache(maxsize=4096)
def operating(n_total: int, alpha: float, bar: float, truth: float) -> Operating:
    """What the gate does to independent scores of 0 or 1, futility included. Exact."""
    return boundaries.operating(n_total, alpha, bar, truth, sequential.futile_counts(n_total, alpha, bar))


def power(sizes: tuple[int, ...], alpha: float, bar: float, truth: float, whole: tuple[int, ...] = ()) -> float:
    """The chance to pass of a candidate that is right with probability `truth`, on groups of these sizes.

    whole  sizes of the groups with those of their rows that say nothing of the bar, where there are such
    """
    if alone(whole or sizes):
        return operating(len(sizes), alpha, bar, truth).passes
    return _simulated(tuple(sorted(sizes)), alpha, bar, truth, tuple(sorted(whole or sizes)))


@lru_cache(maxsize=1024)
def _simulated(sizes: tuple[int, ...], alpha: float, bar: float, truth: float, whole: tuple[int, ...]) -> float:
    import numpy as np

    rng, members = np.random.default_rng(0), np.array(sizes)
    samples = min(MOST_SAMPLES, max(FEWEST_SAMPLES, DRAWS // len(sizes)))
    part = max(1, CHUNK_ROWS // len(sizes))
    won = 0
    for start in range(0, samples, part):
        order = rng.permuted(np.tile(members, (min(part, samples - start), 1)), axis=1)
        won += int(passes(drawn(rng, order, truth, CLUSTER_CORRELATION), order, alpha, bar, whole).sum())
    return won / samples


def drawn(rng: np.random.Generator, sizes: np.ndarray, mean: float, correlation: float) -> np.ndarray:
    """Right answers in each group, beta-binomial: rates vary between groups so that two rows of one correlate by `correlation`.

    sizes  (samples, groups)
    """
    import numpy as np

    if mean >= 1:
        return sizes.copy()
    apart = (1 - correlation) / correlation
    return rng.binomial(sizes, np.clip(rng.beta(mean * apart, (1 - mean) * apart, sizes.shape), 0.0, 1.0))


def passes(sums: np.ndarray, sizes: np.ndarray, alpha: float, bar: float, whole: Sequence[int] = ()) -> np.ndarray:
    """Which of many samples pass, by the e-process or the bound on all rows; as `sequential` but futility.

    sums, sizes  (samples, groups) in look order, groups of the same sizes in every sample
    whole        as in `power`
    """
    import numpy as np

    groups = np.asarray(whole if len(whole) else sizes[0], float)
    imagined = np.full((len(sums), 1), -bar * gaffke.imagined_size(groups))
    won = gaffke.approximate_p_values(np.concatenate([sums - bar * sizes, imagined], axis=1)) <= alpha * sequential.AT_END
    rest = np.flatnonzero(~won)
    if len(rest):
        largest = groups.max()
        stakes = eprocess.Wealth(bar=bar).after(sums[rest] / largest, sizes[rest] / largest)
        won[rest] = stakes.peak >= -math.log(alpha * sequential.AT_LOOKS)
    return won


def perfect_passes(sizes: Sequence[int], alpha: float, bar: float, whole: Sequence[int] = ()) -> bool:
    """Whether a candidate that is always right passes on groups of these sizes, in any order. `whole` as in `power`."""
    if alone(whole or sizes):
        fewest = boundaries.fewest_right(len(sizes), alpha, boundaries.tick_above(bar, len(sizes)))
        return any(count <= n for count, n in zip(fewest, boundaries.looks(len(sizes)), strict=True))
    import numpy as np

    groups = np.sort(np.array(sizes, float))
    return gaffke.p_value(groups, groups, gaffke.imagined_size(np.array(whole or sizes, float)), bar) <= alpha * sequential.AT_END


def fewest_rows(alpha: float, bar: float, more_than: int = 0) -> int:
    """The fewest independent rows, above `more_than`, on which a candidate that is always right passes; `bar` in (0, 1)."""
    rows = max(more_than + 1, smallest_gate(bar, alpha))
    while not perfect_passes((1,) * rows, alpha, bar):
        rows += 1
    return rows


def smallest_gate(bar: float, level: float) -> int:
    """The fewest rows on which nothing but right answers is as improbable as `level`; raises ValueError unless 0 < bar < 1."""
    if not 0 < bar < 1:
        raise ValueError(f"no number of rows proves a bar of {bar}" if bar >= 1 else f"a bar of {bar} needs no proof")
    return math.ceil(math.log(level) / math.log(bar) - 1e-9)


def least_truth(sizes: tuple[int, ...], alpha: float, bar: float, whole: tuple[int, ...] = ()) -> float:
    """The least true mean that passes with 80% power, to a thousandth. `whole` as in `power`."""
    low, high = bar, 1.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if power(sizes, alpha, bar, middle, whole) >= POWER else (middle, high)
    return high


def least_truth_at_once(rows: int, level: float, bar: float) -> float:
    """The same of the exact test that is made once, on all of the rows, at `level`."""
    from scipy.special import betaincinv
    from scipy.stats import binom

    right = int(binom.isf(level, rows, bar)) + 1
    return float(betaincinv(right, rows - right + 1, POWER)) if right <= rows else 1.0


def best_proven(sizes: Sequence[int], alpha: float) -> float:
    """The lower bound that nothing but right answers on all rows proves."""
    if not len(sizes):
        return 0.0
    if alone(sizes):
        return boundaries.lower_bound(boundaries.looks(len(sizes)), len(sizes), alpha)
    of = [group for group, size in enumerate(sizes) for _ in range(size)]
    return bounds.fixed_bounds([1.0] * len(of), of, alpha * sequential.AT_END).lower


@lru_cache(maxsize=256)
def rows_to_pass(alpha: float, bar: float, truth: float) -> int:
    """The fewest independent rows, to the next five, with which a candidate of this mean passes with 80% probability."""
    rows = first = 5 * math.ceil(_fixed_rows(alpha, bar, truth) / 5)
    enough = _power_at(alpha, bar, truth)
    while not enough(rows):
        rows += max(5, 5 * round(first / 100))
    step = max(5, 5 * round(first / 100))
    while rows > 5 and step >= 5:
        rows, step = (rows - step, step) if rows > step and enough(rows - step) else (rows, 5 * (step // 10))
    return rows


def _power_at(alpha: float, bar: float, truth: float) -> Callable[[int], bool]:
    return lambda rows: operating(rows, alpha, bar, truth).passes >= POWER


def _fixed_rows(alpha: float, bar: float, truth: float) -> float:
    """Rows of a test of fixed size, by the normal approximation: a little fewer than a test with looks needs."""
    return (errors(alpha, bar, truth) / (truth - bar)) ** 2


def errors(level: float, bar: float, truth: float) -> float:
    """The gap that a test of one row's spread would need, were one row enough: n rows need it over sqrt(n)."""
    from scipy.special import ndtri

    return float(ndtri(1 - level)) * math.sqrt(bar * (1 - bar)) + float(ndtri(POWER)) * math.sqrt(truth * (1 - truth))


def rows_in_groups(sizes: Sequence[int], alpha: float, bar: float, truth: float) -> int:
    """About how many rows, in groups like these, give an 80% chance: the imagined group's loss and correlated errors."""
    import numpy as np

    groups = np.array(sizes, float)
    spread = errors(alpha * sequential.AT_END, bar, truth) * math.sqrt(effect_of_groups(sizes))
    gap, loss = truth - bar, bar * gaffke.imagined_size(groups)
    return 5 * math.ceil(((spread + math.sqrt(spread**2 + 4 * gap * loss)) / (2 * gap)) ** 2 / 5)


def effect_of_groups(sizes: Sequence[int]) -> float:
    """How many times larger groups make the variance of a mean, at the correlation assumed (Kish, 1965; sizes that vary)."""
    return 1 + (sum(size**2 for size in sizes) / max(1, sum(sizes)) - 1) * CLUSTER_CORRELATION
