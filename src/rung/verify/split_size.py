"""What a test split of its size can prove, and whether its bars can be passed at all, told before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rung.types import Bar, Example, Task

MOST_GROUPS = 1_000_000


def gate_problem(task: Task, rungs: int) -> str | None:
    """Why even a perfect score could not pass, with the rows that the test split needs; None where it could.

    alpha is split over `rungs`, and half of a rung's share goes to the exact test at the full n (`stats.sequential`). There even an
    answer that is right every time is only proven to be right with probability level^(1/n) (Clopper and Pearson, 1934), so that a
    bar needs n >= log(level) / log(bar). A comparison needs the rows after which no loss (for `better_than`, nothing but wins) is
    that improbable. Rows of one group are not independent: groups are counted, with what the clustered bound asks for on top.
    """
    test = task.split("test")
    groups = len({row.group or row.id for row in test})
    unit = "rows" if groups == len(test) else "groups of rows"
    for bar in (task.quality, *task.guards):
        chance, text = _chance_per_row(bar)
        if chance >= 1:
            return f"no number of rows can prove '{bar.name}': {text}"
        needed = _needed(chance, task.alpha / rungs / 2)
        if groups >= needed and bar.at_least and groups < len(test):
            needed = _needed_in_groups(test, bar.at_least, task.alpha / rungs)
        if groups < needed:
            return (
                f"the test split has {groups:,} {unit}, and '{bar.name}' needs at least {needed:,}: {text} cannot be proven with "
                f"fewer, even if every answer is right (alpha {task.alpha:g} over {rungs} rung{'s'[: rungs > 1]})"
            )
    return None


def card(task: Task, shares: int) -> list[dict[str, Any]]:
    """What this task's test split can and cannot prove where alpha is split over `shares`, a line each."""
    from rung.verify.stats.card import sample_size_card
    from rung.verify.stats.clusters import count

    test = task.split("test")
    clusters = count([row.group for row in test])
    return sample_size_card(n_test=len(test), clusters=clusters, bar=task.quality.at_least, alpha=task.alpha, rungs=shares)


def _chance_per_row(bar: Bar) -> tuple[float, str]:
    """How probable the best possible outcome of one row still is for a candidate just short of the bar."""
    if bar.at_least is not None:
        return bar.at_least, f"at least {bar.at_least:g}"
    if bar.better_than is not None:
        return (1 + bar.by) / 2, f"better than {bar.better_than} by {bar.by:g}"
    return 1 - bar.margin, f"not worse than {bar.not_worse_than} by {bar.margin:g}"


def _needed(chance: float, level: float) -> int:
    """Rows after which nothing but the best outcome is as improbable as `level`."""
    from rung.verify.stats.card import smallest_gate

    return smallest_gate(chance, level) if chance > 0 else 1


def _needed_in_groups(test: Sequence[Example], bar: float, alpha: float) -> int:
    """The fewest groups that pass when every answer is right: those that the test split has, else of their average size."""
    groups = [row.group or row.id for row in test]
    count = len(set(groups))
    if _passes(groups, bar, alpha):
        return count
    size = math.ceil(len(groups) / count)
    too_few, enough = count, 2 * count
    while enough < MOST_GROUPS and not _passes(_equal_groups(enough, size), bar, alpha):
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if _passes(_equal_groups(middle, size), bar, alpha) else (middle, enough)
    return enough


def _equal_groups(count: int, size: int) -> list[str]:
    return [str(number) for number in range(count) for _ in range(size)]


def _passes(groups: Sequence[str], bar: float, alpha: float) -> bool:
    from rung.verify.stats.gate import judge

    return judge([1.0] * len(groups), groups, bar, alpha, len(groups)).status == "pass"
