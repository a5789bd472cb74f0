"""Columns side by side that are one answer: marks, of which the set ones are listed; judgements in the same few words."""

from __future__ import annotations

from collections.abc import Mapping

from rung.propose.columns import words
from rung.propose.columns.column import MARKS, Column

FEWEST_JUDGED = 3
MOST_JUDGEMENTS = 7


def mark_columns(columns: Mapping[str, Column]) -> tuple[str, ...]:
    """The longest run of neighbouring columns with one way of marking, where there are two or more; empty where there is none."""
    runs: list[list[str]] = [[]]
    way = ""
    for column in columns.values():
        now = _way(column)
        if not now or now != way:
            runs.append([])
        if now:
            runs[-1].append(column.name)
        way = now
    best = max(runs, key=len)
    told = [name for name in best if len(columns[name].values) > 1]
    return tuple(best) if len(best) >= 2 and len(told) >= 2 else ()


def judged_columns(columns: Mapping[str, Column]) -> tuple[str, ...]:
    """The longest run of neighbouring columns that hold the same few words, as aspects of one text do; three at least."""
    runs: list[list[str]] = [[]]
    before: frozenset[str] = frozenset()
    for column in columns.values():
        now = _judgements(column)
        if not (now and before and (now <= before or before <= now)):
            runs.append([])
        if now:
            runs[-1].append(column.name)
        before = now
    best = max(runs, key=len)
    return tuple(best) if len(best) >= FEWEST_JUDGED else ()


def _judgements(column: Column) -> frozenset[str]:
    """The few words by which a column judges; empty where it does not."""
    if column.called.has(words.NEVER):
        return frozenset()
    judged = column.look == "words" and 2 <= len(column.values) <= MOST_JUDGEMENTS and column.filled == column.rows
    return frozenset(column.values) if judged and column.filled >= 10 * len(column.values) else frozenset()


def _way(column: Column) -> str:
    """How a column marks: by 0 and 1, by true and false, by yes and no; "" where it does not."""
    values = {value.casefold() for value in list(column.values)[:5]}
    if not values or not values <= MARKS or len(values) > 2 or column.filled < column.rows:
        return ""
    if column.called.known & (words.OF_THE_ROW | words.NEVER) or column.called.is_placed or column.called.head in words.ASIDE:
        return ""
    ways = (("0", "1"), ("0.0", "1.0"), ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))
    return next((told for told, other in ways if values <= {told, other}), "")
