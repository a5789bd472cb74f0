"""What a test split of its size can prove, and whether its bars can be passed at all, told before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.types import Bar, Example, Task
from rung.verify.bars import ideal_row, look_at, measure_of, say_of, seen, telling
from rung.verify.metrics import linear_of

MOST_GROUPS = 1_000_000
# How many times the rows that there are, where those are too few for a metric of the whole.
TIMES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)


def gate_problem(task: Task, rungs: int) -> str | None:
    """Why even a perfect score could not pass, with the rows that the test split needs; None where it could.

    alpha is split over `rungs`, and half of a rung's share goes to the exact test at the full n (`stats.sequential`). There even an
    answer that is right every time is only proven to be right with probability level^(1/n) (Clopper and Pearson, 1934), so that a
    bar needs n >= log(level) / log(bar). A comparison needs the rows after which no loss (for `better_than`, nothing but wins) is
    that improbable. Rows of one group are not independent: groups are counted, with what the clustered bound asks for on top.
    """
    test = task.split("test")
    split = f"alpha {task.alpha:g} over {rungs} rung{'s'[: rungs > 1]}"
    for bar in (task.quality, *task.guards):
        if problem := _problem(task, bar, telling_rows(task, bar, test), task.alpha / rungs, split):
            return problem
    return None


def telling_rows(task: Task, bar: Bar, test: Sequence[Example]) -> Sequence[Example]:
    """The rows that say something of a bar where every answer is right."""
    return test if bar.plain else telling(measure_of(task, bar), test)


def _problem(task: Task, bar: Bar, rows: Sequence[Example], alpha: float, split: str) -> str | None:
    """Why a bar cannot be passed on the rows that say something of it; None where it can."""
    if bar.metric and linear_of(bar) is None:
        return _problem_of_whole(task, bar, rows, alpha, split)
    groups = len({row.group or row.id for row in rows})
    unit = "rows" if groups == len(rows) else "groups of rows"
    chance, text = _chance_per_row(bar)
    if chance >= 1:
        return f"no number of rows can prove '{bar.name}': {text}"
    needed = _needed(chance, alpha / 2)
    if groups >= needed and chance > 0 and bar.other is None and groups < len(rows):
        needed = _needed_in_groups(rows, chance, alpha)
    if groups >= needed:
        return None
    has = f"the test split has {groups:,} {unit}"
    has += "" if len(rows) == len(task.split("test")) else f" that '{bar.name}' is about ({bar.measured})"
    needs = f"'{bar.name}' needs at least {needed:,}: {text} cannot be proven with fewer, even if every answer is right"
    return f"{has}, and {needs} ({split})"


def _problem_of_whole(task: Task, bar: Bar, rows: Sequence[Example], alpha: float, split: str) -> str | None:
    """As `_problem`, of a metric that is taken of all rows at once: found by answering every row as it should be."""
    for times in TIMES:
        many = [replace(row, group=f"{time} {row.group or row.id}") for time in range(times) for row in rows]
        measure = measure_of(task, bar)
        verdict = look_at(seen(measure, many, [ideal_row(measure, row) for row in many]), alpha)
        if verdict is not None and verdict.status == "pass":
            break
    if times == 1:
        return None
    unit = "rows" if len({row.group or row.id for row in rows}) == len(rows) else "rows in groups like these"
    needs = f"{'about' if times < TIMES[-1] else 'more than'} {times * len(rows):,}: {_chance_per_row(bar)[1]}"
    return (
        f"the test split has {len(rows):,} {unit} for '{bar.name}' ({bar.measured}), which needs {needs} "
        f"cannot be proven with fewer, even if every answer is right ({split})"
    )


def card(task: Task, shares: int) -> list[dict[str, Any]]:
    """What this task's test split can and cannot prove where alpha is split over `shares`, a line each."""
    from rung.verify.stats.card import sample_size_card
    from rung.verify.stats.clusters import count

    test = task.split("test")
    clusters = count([row.group for row in test])
    bar = task.quality.at_least if task.quality.plain else None
    lines = sample_size_card(n_test=len(test), clusters=clusters, bar=bar, alpha=task.alpha, rungs=shares)
    own = [_bar_line(task, bar, test, task.alpha / shares) for bar in (task.quality, *task.guards) if not bar.plain]
    return [*lines, *own]


def _bar_line(task: Task, bar: Bar, test: Sequence[Example], alpha: float) -> dict[str, Any]:
    """What a bar that is no mean over all rows asks of the rows that say something of it."""
    rows = telling_rows(task, bar, test)
    asked = ", ".join(filter(None, [bar.measured, _chance_per_row(bar)[1]]))
    about = f"'{bar.name}' ({asked}) rests on {len(rows):,} of {len(test):,} test rows"
    figures = {"bar": bar.name, "rows": len(rows)}
    if problem := _problem(task, bar, rows, alpha, f"alpha {alpha:.3g}"):
        return {"text": f"{about}, which are too few: {problem}", **figures}
    return {"text": f"{about}{_truth(task, bar, rows, alpha)}", **figures}


def _truth(task: Task, bar: Bar, rows: Sequence[Example], alpha: float) -> str:
    """From where on a candidate passes with 80% power, as if its rows were independent and its errors the worst."""
    from rung.verify.stats.card import least_truth
    from rung.verify.stats.clusters import count

    linear = linear_of(bar)
    if linear is None or bar.other is not None:
        return ""
    truth = linear.whole_at(least_truth(count([row.group for row in rows]), _chance_per_row(bar)[0], alpha / 2))
    grouped = "" if count([row.group for row in rows]) == len(rows) else ", a group counting as one row"
    return f"; it is passed with 80% probability by a candidate that is truly at {say_of(bar)(truth)}{grouped}"


def _chance_per_row(bar: Bar) -> tuple[float, str]:
    """How probable the best possible outcome of one row still is for a candidate just short of the bar."""
    if bar.at_least is not None or bar.at_most is not None:
        linear = linear_of(bar)
        text = f"at least {bar.at_least:g}" if bar.at_least is not None else f"at most {bar.at_most:g}"
        return (linear.scores((), bar.line)[1] if linear else bar.line), text
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
