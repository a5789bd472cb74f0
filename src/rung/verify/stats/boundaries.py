"""Exact group-sequential boundaries for independent scores of 0 or 1: how many right answers refute "the mean is no larger".

The gate looks after every 24 rows and when all are in. By each look a share of alpha may have been spent that grows with the share
of rows (Lan and DeMets, 1983): most of it late, where power is made, and a fifth of it early, where clear cases are. A boundary is
the fewest right answers at which no more than that has been spent, were the mean exactly the bar. The chance is computed row by row
over all ways to get there, so that the level is exact; what discrete counts leave unspent goes to later looks.

There is one such test for every mean on a fine grid, whatever the bar is. The lower bound is the largest mean up to which all of
them have refuted: it is wrong at most alpha of the time at all looks at once, and for all bars at once, so that a lower bar for the
same candidate on the same rows costs nothing. A bar off the grid is held to the next point above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Rows between two looks: enough to fill a batch, few enough that a clear case stops early.
LOOK_EVERY = 24
EARLY_SHARE = 0.2
# What a state may lose at its improbable end, for speed; counted as spent.
NEGLIGIBLE = 1e-18


@lru_cache(maxsize=256)
def looks(n_total: int) -> tuple[int, ...]:
    """The numbers of rows at which the gate looks: every 24, and all of them."""
    return (*range(LOOK_EVERY, n_total, LOOK_EVERY), n_total)


def spent_by(share: float) -> float:
    """The share of alpha that may be spent when this share of the rows is in."""
    return (1 - EARLY_SHARE) * share**3 + EARLY_SHARE * float(share**0.3)


def points(n_total: int) -> int:
    """Steps of the grid of means: thousandths, and finer where more rows tell more. A bar with three decimals lies on it."""
    return 1000 * max(1, math.ceil(math.sqrt(n_total / 500)))


def tick_above(mean: float, n_total: int) -> int:
    """The first point of the grid at or above a mean."""
    return math.ceil(mean * points(n_total) - 1e-9)


@lru_cache(maxsize=16384)
def fewest_right(n_total: int, alpha: float, tick: int) -> tuple[int, ...]:
    """At each look the fewest right answers that refute "the mean is at most tick / points"; one more than can be where none do."""
    import numpy as np

    mean, rows, spent, found = tick / points(n_total), 0, 0.0, []
    state, least = np.array([1.0]), 0
    for n in looks(n_total):
        state, rows = np.convolve(state, _added(n - rows, mean)), n
        tails = np.cumsum(state[::-1])[::-1]
        cut = int(np.searchsorted(-tails, spent - alpha * spent_by(n / n_total)))
        if cut < len(state):
            spent += float(tails[cut])
        found.append(least + cut if cut < len(state) or least + cut <= n else n + 1)
        state = state[:cut]
        low = int(np.searchsorted(np.cumsum(state), NEGLIGIBLE))
        spent += float(state[:low].sum())
        state, least = state[low:], least + low
        if not len(state):
            state = np.array([0.0])
    return tuple(found)


@lru_cache(maxsize=4096)
def _added(rows: int, mean: float) -> np.ndarray:
    import numpy as np
    from scipy.stats import binom

    return np.asarray(binom.pmf(np.arange(rows + 1), rows, mean))


def refuted(right: Sequence[int], n_total: int, alpha: float, tick: int) -> bool:
    """Whether "the mean is at most tick / points" was refuted by the right answers at one of the looks so far."""
    if not 0 < tick < points(n_total):
        return tick <= 0
    return any(count >= fewest for count, fewest in zip(right, fewest_right(n_total, alpha, tick), strict=False))


def lower_tick(right: Sequence[int], n_total: int, alpha: float) -> int:
    """The largest point of the grid up to which every mean was refuted."""
    tick = math.floor(_surely_refuted(right, n_total, alpha) * points(n_total))
    while refuted(right, n_total, alpha, tick + 1):
        tick += 1
    return tick


def _surely_refuted(right: Sequence[int], n_total: int, alpha: float) -> float:
    """A mean up to which all were refuted by what one look adds to the spending alone, without its boundary being computed."""
    import numpy as np
    from scipy.special import betaincinv

    if not len(right):
        return 0.0
    rows = np.asarray(looks(n_total)[: len(right)], float)
    spent = alpha * spent_by(1.0) * np.array([spent_by(n / n_total) for n in rows])
    count = np.asarray(right, float)
    level = np.diff(spent, prepend=0.0)
    return float(np.where(count > 0, betaincinv(np.maximum(count, 1), rows - count + 1, level), 0.0).max())


def lower_bound(right: Sequence[int], n_total: int, alpha: float) -> float:
    """The mean is above this, wrong at most alpha of the time over all looks and all bars.

    right  right answers among the first rows, at each look so far; those that have no score counted as wrong
    """
    return lower_tick(right, n_total, alpha) / points(n_total)


def upper_bound(right: Sequence[int], n_total: int, alpha: float) -> float:
    """The mean is below this; rows without a score counted as right. Mirrors `lower_bound`."""
    wrong = [n - count for n, count in zip(looks(n_total), right, strict=False)]
    grid = points(n_total)
    tick = lower_tick(wrong, n_total, alpha)
    # The point itself was refuted, so that the bound lies just below it and a bar at that point is failed.
    return math.nextafter((grid - tick) / grid, 0.0) if tick else 1.0


def passed(right: Sequence[int], n_total: int, alpha: float, bar: float) -> bool:
    """Whether `lower_bound` has reached the bar; found without it where it has not."""
    tick = tick_above(bar, n_total)
    return refuted(right, n_total, alpha, tick) and lower_tick(right, n_total, alpha) >= tick


def failed(right: Sequence[int], n_total: int, alpha: float, bar: float) -> bool:
    """Whether `upper_bound` has fallen below the bar."""
    if not bar < 1:
        return False
    tick = points(n_total) - math.floor(bar * points(n_total) + 1e-9)
    wrong = [n - count for n, count in zip(looks(n_total), right, strict=False)]
    return tick > 0 and refuted(wrong, n_total, alpha, tick) and lower_tick(wrong, n_total, alpha) >= tick


@dataclass(frozen=True, kw_only=True)
class Operating:
    """What the gate does to a candidate of a known mean: the chances of a pass and of a fail, and rows looked at on average."""

    passes: float
    fails: float
    rows: float


@dataclass(frozen=True, kw_only=True)
class Endings:
    """The same look by look: the chance that the gate ends there with a pass, with a fail, and with neither."""

    passes: tuple[float, ...]
    fails: tuple[float, ...]
    neither: tuple[float, ...]


def operating(n_total: int, alpha: float, bar: float, truth: float, futile: Sequence[int] = ()) -> Operating:
    """Exact, by the same recursion. `futile` as in `endings`."""
    found = endings(n_total, alpha, bar, truth, futile)
    every = zip(looks(n_total), found.passes, found.fails, found.neither, strict=True)
    return Operating(passes=sum(found.passes), fails=sum(found.fails), rows=sum(n * (a + b + c) for n, a, b, c in every))


def endings(n_total: int, alpha: float, bar: float, truth: float, futile: Sequence[int] = ()) -> Endings:
    """Exact, by the same recursion.

    futile  at each look, the most right answers at which the gate gives up; -1 where it never does
    """
    import numpy as np

    grid = points(n_total)
    pass_from = fewest_right(n_total, alpha, tick_above(bar, n_total))
    mirrored = fewest_right(n_total, alpha, grid - math.floor(bar * grid + 1e-9))
    found: list[tuple[float, float, float]] = []
    state, least, rows = np.array([1.0]), 0, 0
    for place, n in enumerate(looks(n_total)):
        state, rows = np.convolve(state, _added(n - rows, truth)), n
        fail_to = n - mirrored[place]
        stop_to = max(fail_to, futile[place] if futile else -1)
        top, failing, bottom = (min(max(end - least, 0), len(state)) for end in (pass_from[place], fail_to + 1, stop_to + 1))
        won, lost, stopped = (float(part.sum()) for part in (state[top:], state[:failing], state[failing:bottom]))
        state, least = state[bottom:top], least + bottom
        found.append((won, lost, stopped if n < n_total else stopped + float(state.sum())))
        if not len(state):
            state = np.array([0.0])
    passes, fails, neither = zip(*found, strict=True)
    return Endings(passes=passes, fails=fails, neither=neither)
