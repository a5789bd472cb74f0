"""How many test rows the gate will look at: few where a case is clear, all where it is not, by the very bounds that will judge.

The gate of a Candidate of a known mean is counted exactly, look by look, what ends it early by dev included. What that mean is, is
not known: before dev is asked, a passing one is taken to stand in the middle between the bar and 1, a failing one well below the
bar; once dev is asked, all means within two standard errors of what it says are weighed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rung.parts import Span
from rung.registry.predictions import When
from rung.types import Task
from rung.verify.choosing import counted, line_of
from rung.verify.foresight import ENOUGH, FAIL_WITHIN, STEPS, Foresight, line_before, told
from rung.verify.stats.boundaries import LOOK_EVERY, looks

if TYPE_CHECKING:
    from rung.verify.stats.boundaries import Endings

# Where what passes stands between the bar and 1, what fails as a share of the bar, and what is not decided: at the bar. Nobody
# knows before dev is asked.
ABOVE, BELOW = 0.5, 0.87
# Of all rows, where the bar is on something that has no such bounds, or rows come in groups.
SHARE: Mapping[When, float] = {"pass": 0.5, "fail": 0.25, "undecided": 0.8, "": 0.5}
# Standard errors from what dev says at which a Candidate may stand, and what they weigh: the normal density.
APART = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
# What is less likely than this hardly happens.
HARDLY = 1e-4
# How far above what is said the truth may lie, in standard errors, at the doubt of `foresight`.
ERRORS = 1.96
# Means are told apart so finely: what was computed for one serves its neighbours.
FINE = 0.005


def gate_rows(task: Task, alpha: float, when: When, dev: Foresight | None = None) -> Span:
    """Rows looked at by a Candidate at this share of alpha whose test ends so: at least, half of the time no more, at most.

    when  "" for whichever way it ends
    dev   what dev says of it, where it was asked
    """
    total = len(task.split("test"))
    least = float(min(LOOK_EVERY, total))
    rows, bar = counted(task, task.split("test")), line_of(task)
    alone = len({row.group or row.id for row in rows}) == len(rows)
    if bar is None or not 0 < bar < 1 or not alone or not rows or alpha <= 0 or task.quality.other:
        expected = SHARE[when] * total
    else:
        by_dev = line_before(task) is not None
        chances = _chances(len(rows), alpha, bar, when, tuple(_means(bar, when, dev)), by_dev, dev)
        expected = _middle(chances, looks(len(rows))) * total / len(rows)
    return Span(least=least, expected=min(max(least, expected), float(total)), most=float(total))


def dev_rows(most: int, dev: Foresight | None = None) -> Span:
    """Rows of dev, `most` of them at most, that are asked before the gate: until they tell enough, as far as they are known to."""
    steps = [min(step, most) for step in STEPS]
    expected = ENOUGH if dev is None else next((n for n in steps if told(of_score(dev.mean, n, dev.line), n)), steps[-1])
    return Span(least=float(steps[0]), expected=float(min(expected, most)), most=float(steps[-1]))


def of_score(mean: float, n: int, line: float) -> Foresight:
    """What so many rows of dev say by their mean alone: as in `foresight.of_shares`, with a row that is half right."""
    return _said((mean * n + 0.5) / (n + 1), n, line)


def with_test(dev: Foresight, mean: float, n: int) -> Foresight:
    """What dev and so many test rows say together."""
    return _said((dev.mean * dev.rows + mean * n) / (dev.rows + n), dev.rows + n, dev.line)


def _said(mean: float, n: int, line: float) -> Foresight:
    variance = max(mean * (1 - mean), 0.25 / (n + 1))
    upper = min(1.0, mean + ERRORS * math.sqrt(variance / n))
    return Foresight(rows=n, missing=0, mean=mean, upper=upper, variance=variance, line=line)


def _means(bar: float, when: When, dev: Foresight | None) -> Iterator[tuple[float, float]]:
    """Where a Candidate may truly stand, and how likely that is."""
    if dev is None:
        yield {"pass": bar + (1 - bar) * ABOVE, "fail": bar * BELOW}.get(when, bar), 1.0
        return
    error = math.sqrt(dev.variance / dev.rows)
    for apart in APART:
        yield min(max(round((dev.mean + apart * error) / FINE) * FINE, 0.01), 0.99), math.exp(-(apart**2) / 2)


@lru_cache(maxsize=256)
def _chances(
    rows: int, alpha: float, bar: float, when: When, means: tuple[tuple[float, float], ...], by_dev: bool, dev: Foresight | None
) -> tuple[float, ...]:
    """Of ending so at each look, over all means; of ending at all, where it hardly can end so.

    by_dev  whether dev ends the gate early; where it is not known what it says, as if it said the mean as it is
    """
    import numpy as np

    by_end: dict[str, Any] = {}
    for mean, weight in means:
        found = _endings(rows, alpha, bar, mean, (dev or of_score(mean, ENOUGH, bar)) if by_dev else None)
        for end, chances in (("pass", found.passes), ("fail", found.fails), ("undecided", found.neither)):
            by_end[end] = by_end.get(end, 0.0) + weight * np.array(chances)
    every = sum(by_end.values())
    so = by_end.get(when, every)
    return tuple(float(chance) for chance in (so if so.sum() > HARDLY * every.sum() else every))


def _middle(chances: Sequence[float], ends: Sequence[int]) -> float:
    """The look by which half of these have ended: a few that go on for long are no reason to expect it."""
    left = sum(chances) / 2
    for chance, n in zip(chances, ends, strict=True):
        left -= chance
        if left <= 0:
            return float(n)
    return float(ends[-1])


@lru_cache(maxsize=1024)
def _endings(rows: int, alpha: float, bar: float, mean: float, dev: Foresight | None) -> Endings:
    """Of a Candidate of this mean, where dev says this; None where dev does not count."""
    from rung.verify.stats.boundaries import endings
    from rung.verify.stats.sequential import futile_counts

    futile = futile_counts(rows, alpha, bar)
    if dev:
        futile = tuple(max(most, given_up) for most, given_up in zip(futile, _given_up(dev, alpha, rows), strict=True))
    return endings(rows, alpha, bar, mean, futile)


@lru_cache(maxsize=256)
def _given_up(dev: Foresight, alpha: float, rows: int) -> tuple[int, ...]:
    return tuple(_gives_up(dev, alpha, rows, n) for n in looks(rows))


def _gives_up(dev: Foresight, alpha: float, total: int, n: int) -> int:
    """The most right answers of n at which the gate is ended by dev and these; -1 where it is not."""
    if n >= total:
        return -1
    if n < FAIL_WITHIN:
        # What will soon be a proven fail goes on, so that few right answers may do what more of them do not.
        most = next((right for right in range(n, -1, -1) if dev.gives_up(alpha, total, float(right), n)), -1)
        usual = int(dev.mean * n)
        return most if usual >= most or dev.gives_up(alpha, total, float(usual), n) else -1
    low, high = -1, n
    while low < high:
        middle = (low + high + 1) // 2
        if dev.gives_up(alpha, total, float(middle), n):
            low = middle
        else:
            high = middle - 1
    return low
