"""What a test split of its size can prove, and whether its bars can be passed at all, told before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.types import Bar, Example, Task
from rung.verify.alpha import AlphaPlan
from rung.verify.bars import ideal_row, look_at, measure_of, say_of, seen, telling
from rung.verify.metrics import linear_of

MOST_GROUPS = 1_000_000
# How many times the rows that there are, where those are too few for a metric of the whole.
TIMES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)


def gate_problem(task: Task, rungs: int) -> str | None:
    """Why even a perfect score could not pass, with the rows that the test split needs; None where it could.

    alpha is split over `rungs`. What a candidate that is always right proves is asked of the gate's own bounds (`stats.power`). A
    comparison needs the rows after which no loss (for `better_than`, nothing but wins) is as improbable as the part of
    a rung's share that is kept for all rows.
    Rows of one group are not independent: groups are counted, with what the bound on groups asks for on top.
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
    if bar.metric and ((linear := linear_of(bar)) is None or linear.uneven):
        return _problem_of_whole(task, bar, rows, alpha, split)
    groups = len({row.group or row.id for row in rows})
    unit = "rows" if groups == len(rows) else "groups of rows"
    chance, text = _chance_per_row(bar)
    if chance >= 1:
        return f"no number of rows can prove '{bar.name}': {text}"
    needed = _rows_or_groups(task, bar, rows, alpha)
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


def card(task: Task, plan: AlphaPlan) -> list[dict[str, Any]]:
    """What this task's test split can and cannot prove of a rung that dev shows likely to pass, a line each."""
    from rung.verify.stats.card import sample_size_card
    from rung.verify.stats.clusters import sizes

    test = task.split("test")
    bar = task.quality.at_least if task.quality.plain else None
    groups, shares = sizes([row.group for row in test]), (plan.likely, plan.least)
    lines = sample_size_card(sizes=groups, bar=bar, alpha=plan.alpha, rungs=plan.shares, shares=shares)
    own = [_bar_line(task, bar, test, plan.likely) for bar in (task.quality, *task.guards) if not bar.plain]
    return [*lines, *own]


def _bar_line(task: Task, bar: Bar, test: Sequence[Example], alpha: float) -> dict[str, Any]:
    """What a bar that is no mean over all rows asks of the rows that say something of it."""
    rows = telling_rows(task, bar, test)
    asked = ", ".join(filter(None, [bar.measured, _chance_per_row(bar)[1]]))
    about = f"'{bar.name}' ({asked}) rests on {len(rows):,} of {len(test):,} test rows"
    figures = {"bar": bar.name, "rows": len(rows)}
    if problem := _problem(task, bar, rows, alpha, f"alpha {alpha:.3g}"):
        return {"text": f"{about}, which are too few: {problem}", **figures}
    if bar.other is not None:
        return _gain(about, rows, alpha) | figures
    truth = _truth(task, bar, rows, alpha)
    if truth is not None:
        shown = say_of(bar)(truth)
        return {
            "text": f"{about}; it is passed with 80% probability by a candidate that is truly at {shown}",
            "truth": truth,
            **figures,
        }
    proven = _best_proven(task, bar, rows, alpha)
    shown = f"at {'most' if bar.at_most is not None else 'least'} {say_of(bar)(proven)}"
    text = f"{about}; nothing but right answers would prove {shown}, and how often less than that passes is not known beforehand"
    return {"text": text, "best_proven": proven, **figures}


def _truth(task: Task, bar: Bar, rows: Sequence[Example], alpha: float) -> float | None:
    """From where on a candidate passes with 80% power, its errors the worst; None where that is not known beforehand."""
    from rung.verify.stats.clusters import sizes
    from rung.verify.stats.power import alone, least_truth, least_truth_at_once
    from rung.verify.stats.sequential import AT_END

    linear = linear_of(bar)
    if linear is None or linear.uneven:
        return None
    groups, chance = sizes([row.group for row in rows]), _chance_per_row(bar)[0]
    whole = _whole_groups(task, bar)
    if linear.is_mean or not alone(whole or groups):
        return linear.whole_at(least_truth(groups, alpha, chance, whole))
    return linear.whole_at(least_truth_at_once(len(rows), alpha * AT_END, chance))


def _whole_groups(task: Task, bar: Bar) -> tuple[int, ...]:
    """Sizes of the groups with their rows that say nothing of a bar; none where all that it is about do."""
    from rung.verify.stats.clusters import sizes

    linear = linear_of(bar)
    if linear is None or linear.is_mean:
        return ()
    measure = measure_of(task, bar)
    return sizes([row.group for row in task.split("test") if measure.is_about(row)])


def _best_proven(task: Task, bar: Bar, rows: Sequence[Example], alpha: float) -> float | None:
    """The bound on a metric of all rows at once where every answer is right."""
    measure = measure_of(task, bar)
    verdict = look_at(seen(measure, rows, [ideal_row(measure, row) for row in rows]), alpha)
    return None if verdict is None else verdict.upper if bar.at_most is not None else verdict.lower


def _gain(about: str, rows: Sequence[Example], alpha: float) -> dict[str, Any]:
    """How far above its line a comparison passes with 80% power."""
    from rung.verify.stats.card import DISCORDANT, gain_to_pass
    from rung.verify.stats.clusters import sizes
    from rung.verify.stats.power import effect_of_groups

    gain = gain_to_pass(len(rows) / effect_of_groups(sizes([row.group for row in rows])), alpha)
    text = (
        f"{about}; it is passed with 80% probability by a candidate that is truly {100 * gain:.1f} points above that, if the two "
        f"disagree on {DISCORDANT:.0%} of the rows"
    )
    return {"text": text, "smallest_gain": gain}


def _chance_per_row(bar: Bar) -> tuple[float, str]:
    """How probable the best possible outcome of one row still is for a candidate just short of the bar."""
    if bar.at_least is not None or bar.at_most is not None:
        linear = linear_of(bar)
        text = f"at least {bar.at_least:g}" if bar.at_least is not None else f"at most {bar.at_most:g}"
        return (linear.scores((), bar.line)[1] if linear else bar.line), text
    if bar.better_than is not None:
        return (1 + bar.by) / 2, f"better than {bar.better_than} by {bar.by:g}"
    return 1 - bar.margin, f"not worse than {bar.not_worse_than} by {bar.margin:g}"


def _rows_or_groups(task: Task, bar: Bar, rows: Sequence[Example], alpha: float) -> int:
    """How many independent rows, or groups, the bar needs at least; their own number where that is enough."""
    from rung.verify.stats.clusters import sizes
    from rung.verify.stats.power import alone, fewest_rows, perfect_passes, smallest_gate
    from rung.verify.stats.sequential import AT_END

    chance = _chance_per_row(bar)[0]
    if chance <= 0:
        return 1
    groups, linear = sizes([row.group for row in rows]), linear_of(bar)
    whole = _whole_groups(task, bar)
    if bar.other is not None or (alone(whole or groups) and not (linear and linear.is_mean)):
        return smallest_gate(chance, alpha * AT_END)
    if groups and perfect_passes(groups, alpha, chance, whole):
        return len(groups)
    if alone(groups):
        return fewest_rows(alpha, chance, len(groups))
    return _needed_in_groups(len(groups), math.ceil(len(rows) / len(groups)), chance, alpha)


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
