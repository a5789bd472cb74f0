"""Which of several trials the rest of dev could still put first: a race in rounds on the same rows.

Trials are chosen between on dev by one rule (`select.one_standard_error`): the cheapest within a paired standard error of the best.
What that rule will say of all N rows can be foreseen from the first n: the mean difference of two trials over all of them is about
normal, around the one so far, with a variance of (N - n) / N times the squared standard error so far (predictive power with a flat
prior: Spiegelhalter, Freedman and Blackburn, 1986). By the rule a dearer trial must end more than a standard error ahead, a cheaper
one may end one behind, and of two at the same cost the better mean is taken. A trial leaves when what the score can be expected to
gain by it is below HOPE standard errors of a score on all rows (stochastic curtailment: Lan, Simon and Halperin, 1982; by what is
lost, not by how often). So one that is far behind leaves at once, and a dearer one that is merely level soon.

What holds of it: that expectation is a martingale, so that a trial that leaves forgoes on average less than HOPE standard errors,
however often one looks (optional stopping). Which trial is truly better is not claimed: a confidence sequence asks for more rows
than dev has, where the rule itself settles for a standard error. What it saves and costs is in docs/statistics.md.

Standard errors are those of clusters. Half a cluster more, won and lost, is imagined beside those seen, so that a few rows without
a difference do not say that there is none.

For checkpoints of one training run, which cost the same: `behind(mine, best, groups)`, both over the same first rows of dev in its
random order, says whether a checkpoint can no longer be the better one. Ask after each of `rounds(len(groups))`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.verify.stats.clusters import labels
from rung.verify.stats.select import one_standard_error

# What a trial must promise to stay, in standard errors of a score on all rows; the rows of the first round, and the least of them;
# how rounds grow, in whole batches. Simulated: benchmarks/racing.py.
HOPE = 0.25
FIRST_SHARE, FIRST_ROWS = 1 / 8, 16
GROWTH, BATCH = 1.5, 8
IMAGINED = 0.5


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A trial so far: what an answer costs, and its scores on the first n rows; a row without one (None) counts against it.

    Raises ValueError for a score that is none (NaN would neither win nor lose), or is not within 0 and 1.
    """

    cost: float
    scores: Sequence[float | None]

    def __post_init__(self) -> None:
        if not all(score is None or 0.0 <= score <= 1.0 for score in self.scores):
            raise ValueError("scores are within 0 and 1, or None where there is none")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known after a round.

    best     the entrant that is chosen, were the rest of dev as the rows so far
    behind   of each entrant that leaves, the one that it is behind
    decided  whether one is left, or all rows are in
    """

    best: int
    behind: Mapping[int, int]
    decided: bool


def rounds(total: int) -> tuple[int, ...]:
    """How many rows are in after each round; the last has all `total`."""
    found, rows = [], max(FIRST_ROWS, _batches(total * FIRST_SHARE))
    while rows < total:
        found.append(rows)
        rows = _batches(rows * GROWTH)
    return (*found, total)


def _batches(rows: float) -> int:
    return math.ceil(rows / BATCH) * BATCH


def look(entrants: Sequence[Entrant], groups: Sequence[str], hope: float = HOPE) -> Look:
    """What the first rows say of trials that are all still in the race.

    groups  the cluster of each row, of all that could be asked; "" is a row alone
    hope    as HOPE

    Raises ValueError without entrants, where they did not see the same rows, or saw more rows than there are.
    """
    counts = {len(entrant.scores) for entrant in entrants}
    if len(counts) != 1 or max(counts) > len(groups):
        raise ValueError("one or more trials on the same rows, no more than there are, are needed")
    if counts == {len(groups)}:
        return Look(best=one_standard_error([(one.cost, one.scores) for one in entrants], groups), behind={}, decided=True)
    best = _foreseen(entrants, groups)
    top = max(range(len(entrants)), key=lambda index: (_mean(entrants[index]), index == best))
    out = {
        index: rival
        for index, entrant in enumerate(entrants)
        for rival in (top, best)
        if index not in (best, rival) and behind(entrant, entrants[rival], groups, hope)
    }
    return Look(best=best, behind=out, decided=len(out) + 1 == len(entrants))


def behind(mine: Entrant, other: Entrant, groups: Sequence[str], hope: float = HOPE) -> bool:
    """Whether `mine` promises too little beside `other`, of which not all rows are in; never before a row is."""
    if not mine.scores:
        return False
    worth = max(_standard_error(one.scores, groups) for one in (mine, other))
    return promise(mine, other, groups) < hope * worth


def promise(mine: Entrant, other: Entrant, groups: Sequence[str]) -> float:
    """What the score on all rows is expected to gain by `mine` over `other`, foreseen from one row or more, but not all.

    Where all rows would choose `other` that is nothing; where they would choose `mine`, the difference; a cheaper one is worth up
    to a standard error more than it scores, which is what the rule allows it.
    """
    seen, total = len(mine.scores), len(groups)
    known = _difference(mine, other, groups)
    margin = known.error * math.sqrt(seen / total)
    ahead = (seen * known.mean + (total - seen) * known.shrunk) / total
    gain = ahead + (margin if mine.cost < other.cost else 0.0)
    needed = margin if mine.cost > other.cost else 0.0
    spread = known.error * math.sqrt((total - seen) / total)
    z = (needed - gain) / spread
    return gain * 0.5 * math.erfc(z / math.sqrt(2)) + spread * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class _Difference:
    """Of two entrants: its mean over the rows seen, the same with the imagined cluster, and the standard error of that."""

    mean: float
    shrunk: float
    error: float


def _difference(mine: Entrant, other: Entrant, groups: Sequence[str]) -> _Difference:
    differences = [(a or 0.0) - (b or 0.0) for a, b in zip(mine.scores, other.scores, strict=True)]
    sums, sizes = _totals(differences, groups)
    seen = len(differences)
    typical = sum(size**2 for size in sizes) / seen
    shrunk = sum(differences) / (seen + IMAGINED * typical)
    spread = sum((total - size * shrunk) ** 2 for total, size in zip(sums, sizes, strict=True)) + IMAGINED * typical**2
    error = math.sqrt(spread * (len(sums) + 1) / len(sums)) / (seen + IMAGINED * typical)
    return _Difference(mean=sum(differences) / seen, shrunk=shrunk, error=error)


def _standard_error(scores: Sequence[float | None], groups: Sequence[str]) -> float:
    """That the mean over all rows will have, by the rows so far and two clusters that are right and two that are wrong beside them.

    Plus four, as of Agresti and Coull, 1998: near 0 and 1 the first few rows would say that nothing can be gained.
    """
    values = [value or 0.0 for value in scores]
    sums, sizes = _totals(values, groups)
    typical = sum(size**2 for size in sizes) / len(values)
    rows = len(values) + 4 * typical
    mean = (sum(values) + 2 * typical) / rows
    spread = sum((total - size * mean) ** 2 for total, size in zip(sums, sizes, strict=True))
    spread += 2 * typical**2 * (mean**2 + (1 - mean) ** 2)
    return math.sqrt(spread / rows / len(groups))


def _totals(values: Sequence[float], groups: Sequence[str]) -> tuple[list[float], list[int]]:
    """Sum and size of each cluster among the first rows."""
    of = labels(groups[: len(values)])
    sums, sizes = [0.0] * (max(of) + 1), [0] * (max(of) + 1)
    for cluster, value in zip(of, values, strict=True):
        sums[cluster] += value
        sizes[cluster] += 1
    return sums, sizes


def _foreseen(entrants: Sequence[Entrant], groups: Sequence[str]) -> int:
    """The cheapest within a standard error, as it will be when all rows are in, of the best."""
    means = [_mean(entrant) for entrant in entrants]
    best = max(range(len(entrants)), key=lambda index: (means[index], -entrants[index].cost, -index))
    seen = len(entrants[best].scores)

    def near(index: int) -> bool:
        if index == best or not seen:
            return True
        return (
            means[best] - means[index] <= math.sqrt(seen / len(groups)) * _difference(entrants[best], entrants[index], groups).error
        )

    return min(filter(near, range(len(entrants))), key=lambda index: (entrants[index].cost, -means[index], index))


def _mean(entrant: Entrant) -> float:
    return sum(value or 0.0 for value in entrant.scores) / max(1, len(entrant.scores))
