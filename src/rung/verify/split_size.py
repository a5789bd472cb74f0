"""What a test split of its size can prove, and whether its bars can be passed at all, told before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rung.types import Bar, Example, Task

MOST_GROUPS = 1_000_000


def gate_problem(task: Task, rungs: int) -> str | None:
    """Why even a perfect score could not pass, with the rows that the test split needs; None where it could.

    alpha is split over `rungs`. What a candidate that is always right proves is asked of the gate's own bounds (`stats.power`). A
    comparison needs the rows after which no loss (for `better_than`, nothing but wins) is as improbable as half of a rung's share.
    Rows of one group are not independent: groups are counted, with what the bound on groups asks for on top.
    """
    test = task.split("test")
    groups = len({row.group or row.id for row in test})
    unit = "rows" if groups == len(test) else "groups of rows"
    for bar in (task.quality, *task.guards):
        chance, text = _chance_per_row(bar)
        if chance >= 1:
            return f"no number of rows can prove '{bar.name}': {text}"
        needed = _rows_or_groups(test, bar, chance, task.alpha / rungs)
        if groups < needed:
            return (
                f"the test split has {groups:,} {unit}, and '{bar.name}' needs at least {needed:,}: {text} cannot be proven with "
                f"fewer, even if every answer is right (alpha {task.alpha:g} over {rungs} rung{'s'[: rungs > 1]})"
            )
    return None


def card(task: Task, shares: int) -> list[dict[str, Any]]:
    """What this task's test split can and cannot prove where alpha is split over `shares`, a line each."""
    from rung.verify.stats.card import sample_size_card
    from rung.verify.stats.clusters import sizes

    groups = sizes([row.group for row in task.split("test")])
    return sample_size_card(sizes=groups, bar=task.quality.at_least, alpha=task.alpha, rungs=shares)


def _chance_per_row(bar: Bar) -> tuple[float, str]:
    """How probable the best possible outcome of one row still is for a candidate just short of the bar."""
    if bar.at_least is not None:
        return bar.at_least, f"at least {bar.at_least:g}"
    if bar.better_than is not None:
        return (1 + bar.by) / 2, f"better than {bar.better_than} by {bar.by:g}"
    return 1 - bar.margin, f"not worse than {bar.not_worse_than} by {bar.margin:g}"


def _rows_or_groups(test: Sequence[Example], bar: Bar, chance: float, alpha: float) -> int:
    """How many independent rows, or groups, the bar needs at least; their own number where that is enough."""
    from rung.verify.stats.clusters import sizes
    from rung.verify.stats.power import fewest_rows, perfect_passes, smallest_gate

    groups = sizes([row.group for row in test])
    if chance <= 0:
        return 1
    if not bar.at_least:
        return smallest_gate(chance, alpha / 2)
    if groups and perfect_passes(groups, alpha, bar.at_least):
        return len(groups)
    if len(groups) == len(test):
        return fewest_rows(alpha, bar.at_least, len(groups))
    return _needed_in_groups(len(groups), math.ceil(len(test) / len(groups)), bar.at_least, alpha)


def _needed_in_groups(too_few: int, size: int, bar: float, alpha: float) -> int:
    """The fewest groups of one size, more than `too_few`, that pass when every answer is right."""
    from rung.verify.stats.power import perfect_passes

    enough = 2 * too_few
    while enough < MOST_GROUPS and not perfect_passes((size,) * enough, alpha, bar):
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if perfect_passes((size,) * middle, alpha, bar) else (middle, enough)
    return enough
