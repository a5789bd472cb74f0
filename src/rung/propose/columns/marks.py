"""Columns of marks that stand side by side: one answer, the list of those that are marked."""

from __future__ import annotations

from collections.abc import Mapping

from rung.propose.columns import words
from rung.propose.columns.column import MARKS, Column


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


def _way(column: Column) -> str:
    """How a column marks: by 0 and 1, by true and false, by yes and no; "" where it does not."""
    values = {value.casefold() for value in list(column.values)[:5]}
    if not values or not values <= MARKS or len(values) > 2 or column.filled < column.rows:
        return ""
    if column.called.known & (words.OF_THE_ROW | words.NEVER) or column.called.is_placed or column.called.head in words.ASIDE:
        return ""
    ways = (("0", "1"), ("0.0", "1.0"), ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))
    return next((told for told, other in ways if values <= {told, other}), "")
