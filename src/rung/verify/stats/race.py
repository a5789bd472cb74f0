"""Which of several trials the rest of dev could still put first: a race in rounds on the same rows.

Trials are chosen between on dev by one rule (`select.one_standard_error`): the cheapest within a paired standard error of the best.
What that rule will say of all rows can be foreseen from the first of them: with n of N rows in, the mean difference of two trials
over all N is about normal, around the one so far, with a variance of (N - n) / N times the squared standard error so far (a flat
prior: the rest is drawn as the first rows were). A trial leaves when the chance that all rows would choose it over one still in the
race is below a level: stochastic curtailment (Lan, Simon and Halperin, 1982) by predictive power (Spiegelhalter, Freedman and
Blackburn, 1986). A dearer trial must end more than a standard error ahead of a cheaper one, a cheaper one may end one behind, and
of two at the same cost the better mean is taken: so a dearer one that is merely level leaves as well.

What holds of it: that chance is a martingale, so that of the pairs in which one left, at most a share of the level would have been
decided otherwise by all rows, however often one looks (optional stopping). Which trial is truly better is not claimed: a confidence
sequence for that would ask for more rows than dev has, where the rule itself settles for a standard error.

The standard error is that of clusters. One more, half won and half lost, is imagined beside those seen, so that a few rows without
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

# The chance of being chosen below which a trial leaves; and the rows of the first round, and how the rounds grow (simulated:
# benchmarks/racing.py).
LEVEL = 0.15
FIRST_ROUND = 16
GROWTH = 1.5


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A trial so far: what an answer costs, and its scores on the first n rows; a row without one (None) counts against it."""

    cost: float
    scores: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known after a round.

    best     the entrant that is chosen, were the rest of dev as the rows so far
    behind   of each entrant that leaves, the one that it is behind
    decided  whether no other can be chosen any more, or all rows are in
    """

    best: int
    behind: Mapping[int, int]
    decided: bool


def rounds(total: int) -> tuple[int, ...]:
    """How many rows are in after each round; the last has all `total`."""
    found, rows = [], FIRST_ROUND
    while rows < total:
        found.append(rows)
        rows = math.ceil(rows * GROWTH / 8) * 8
    return (*found, total)


def look(entrants: Sequence[Entrant], groups: Sequence[str], level: float = LEVEL) -> Look:
    """What the first rows say of trials that are all still in the race.

    groups  the cluster of each row, of all that could be asked; "" is a row alone

    Raises ValueError without entrants, where they did not see the same rows, or saw more rows than there are.
    """
    counts = {len(entrant.scores) for entrant in entrants}
    if len(counts) != 1 or max(counts) > len(groups):
        raise ValueError("one or more trials on the same rows, no more than there are, are needed")
    whole = counts == {len(groups)}
    best = _chosen(entrants, groups) if whole else _foreseen(entrants, groups)
    top = max(range(len(entrants)), key=lambda index: (_mean(entrants[index]), index == best))
    out = {
        index: rival
        for index, entrant in enumerate(entrants)
        for rival in (top, best)
        if not whole and index not in (best, rival) and behind(entrant, entrants[rival], groups, level)
    }
    return Look(best=best, behind=out, decided=whole or len(out) + 1 == len(entrants))


def behind(mine: Entrant, other: Entrant, groups: Sequence[str], level: float = LEVEL) -> bool:
    """Whether the chance that all rows would choose `mine` over `other` is below `level`."""
    return chance(mine, other, groups) < level


def chance(mine: Entrant, other: Entrant, groups: Sequence[str]) -> float:
    """That all rows would choose `mine` over `other`, foreseen from the first; once all are in, 1 or 0.

    Of equals at the same cost `other`, which was there first, is taken.
    """
    seen, total = len(mine.scores), len(groups)
    if seen == total:
        return float(_chosen([other, mine], groups) == 1)
    known = _known(mine, other, groups)
    margin = known.error * math.sqrt(seen / total)
    needed = margin if mine.cost > other.cost else -margin if mine.cost < other.cost else 0.0
    spread = known.error * math.sqrt((total - seen) / total)
    return 0.5 * math.erfc((needed - known.ahead_at(total)) / spread / math.sqrt(2))


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A difference so far: its mean over the rows seen, the same with the imagined cluster, its standard error, how many rows."""

    mean: float
    shrunk: float
    error: float
    seen: int

    def ahead_at(self, total: int) -> float:
        """What is to be expected of the mean over all rows."""
        return (self.seen * self.mean + (total - self.seen) * self.shrunk) / total


def _known(mine: Entrant, other: Entrant, groups: Sequence[str]) -> _Known:
    seen = len(mine.scores)
    if not seen:
        return _Known(mean=0.0, shrunk=0.0, error=1.0, seen=0)
    differences = [(a or 0.0) - (b or 0.0) for a, b in zip(mine.scores, other.scores, strict=True)]
    of = labels(groups[:seen])
    sums, sizes = [0.0] * (max(of) + 1), [0] * (max(of) + 1)
    for cluster, difference in zip(of, differences, strict=True):
        sums[cluster] += difference
        sizes[cluster] += 1
    mean = sum(differences) / seen
    imagined = sum(size**2 for size in sizes) / seen
    shrunk = sum(differences) / (seen + imagined)
    return _Known(mean=mean, shrunk=shrunk, error=_error(sums, sizes, shrunk, imagined), seen=seen)


def _error(sums: Sequence[float], sizes: Sequence[int], mean: float, imagined: float) -> float:
    """The standard error of the mean, as in `select.standard_error`, with `imagined` rows that are half won, half lost beside."""
    count = len(sums) + 1
    spread = sum((total - size * mean) ** 2 for total, size in zip(sums, sizes, strict=True)) + imagined**2
    return math.sqrt(spread * count / (count - 1)) / (sum(sizes) + imagined)


def _chosen(entrants: Sequence[Entrant], groups: Sequence[str]) -> int:
    return one_standard_error([(entrant.cost, entrant.scores) for entrant in entrants], groups)


def _foreseen(entrants: Sequence[Entrant], groups: Sequence[str]) -> int:
    """The cheapest within a standard error, as it will be when all rows are in, of the best."""
    means = [_mean(entrant) for entrant in entrants]
    best = max(range(len(entrants)), key=lambda index: (means[index], -entrants[index].cost, -index))
    share = math.sqrt(len(entrants[best].scores) / len(groups))
    near = [
        index
        for index, entrant in enumerate(entrants)
        if index == best or means[best] - means[index] <= share * _known(entrants[best], entrant, groups).error
    ]
    return min(near, key=lambda index: (entrants[index].cost, -means[index], index))


def _mean(entrant: Entrant) -> float:
    return sum(value or 0.0 for value in entrant.scores) / max(1, len(entrant.scores))
