"""How many test rows the gate will look at: few where a case is clear, all where it is not, by the very bounds that will judge."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rung.parts import Span
from rung.registry.predictions import When
from rung.types import Task
from rung.verify.choosing import counted, line_of
from rung.verify.stats.boundaries import LOOK_EVERY

# Where what passes stands between the bar and 1, what fails as a share of the bar, and what is not decided: at the bar. Nobody
# knows before dev is asked.
ABOVE, BELOW = 0.5, 0.87
# Of all rows, where the bar is on something that has no such bounds, or rows come in groups.
SHARE: Mapping[When, float] = {"pass": 0.5, "fail": 0.25, "undecided": 0.8}


def gate_rows(task: Task, alpha: float, when: When) -> Span:
    """Rows looked at by a Candidate that passes, or fails, at this share of alpha."""
    total = len(task.split("test"))
    least = float(min(LOOK_EVERY, total))
    bar = line_of(task)
    rows = counted(task, task.split("test"))
    alone = len({row.group or row.id for row in rows}) == len(rows)
    if bar is None or not 0 < bar < 1 or not alone or not rows or alpha <= 0 or task.quality.other:
        expected = max(least, SHARE[when] * total)
    else:
        truth = {"pass": bar + (1 - bar) * ABOVE, "fail": bar * BELOW}.get(when, bar)
        expected = max(least, _looked_at(len(rows), alpha, bar, truth) * total / len(rows))
    return Span(least=least, expected=min(expected, float(total)), most=float(total))


def rows_known(task: Task, alpha: float, mean: float, n: int) -> float | None:
    """Rows that a Candidate will be looked at on average which scored so on n dev rows; None where no bounds tell.

    Over where it may truly stand: at its score, and a standard error to either side.
    """
    bar, total = line_of(task), len(task.split("test"))
    rows = counted(task, task.split("test"))
    alone = len({row.group or row.id for row in rows}) == len(rows)
    if bar is None or not 0 < bar < 1 or not alone or not rows or alpha <= 0 or n <= 0:
        return None
    error = (max(mean * (1 - mean), 0.25 / n) / n) ** 0.5
    truths = [min(max(mean + times * error, 0.01), 0.99) for times in (-1.0, 0.0, 1.0)]
    looked = sum(_looked_at(len(rows), alpha, bar, round(truth, 3)) for truth in truths) / len(truths)
    return max(float(min(LOOK_EVERY, total)), looked * total / len(rows))


@lru_cache(maxsize=256)
def _looked_at(rows: int, alpha: float, bar: float, truth: float) -> float:
    from rung.verify.stats.power import operating

    return operating(rows, alpha, bar, truth).rows
