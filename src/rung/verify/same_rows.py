"""Two Candidates on rows that both answered: each bar's scores row by row, and the paired test of `stats.paired`."""

from __future__ import annotations

from dataclasses import dataclass

from rung.types import Row, Run
from rung.verify.stats.paired import Compared, compared

# Both ends together are wrong at most 5% of the time.
LEVEL = 0.025


@dataclass(frozen=True, kw_only=True)
class Turned:
    """A row whose score another candidate changed; None where there was none."""

    example: str
    before: str
    after: str
    score_before: float | None
    score_after: float | None


@dataclass(frozen=True, kw_only=True)
class OnSameRows:
    """One bar's scores of two Runs on one split of one task, by the rows that both have; `turned` are those that differ."""

    task: str
    split: str
    bar: str
    compared: Compared
    turned: tuple[Turned, ...]


def on_same_rows(before: Run, after: Run) -> list[OnSameRows]:
    """For each bar that both were scored by; empty where they have no row in common. They are of one split of one task.

    Raises ValueError where they are not.
    """
    if (before.task, before.split) != (after.task, after.split):
        raise ValueError("runs of two tasks, or of two splits, have no rows in common")
    other = {row.example: row for row in after.rows}
    pairs = [(row, other[row.example]) for row in before.rows if row.example in other]
    bars = [bar for bar in pairs[0][0].scores if all(bar in row.scores for pair in pairs for row in pair)] if pairs else []
    return [_on(before, bar, pairs) for bar in bars]


def _on(run: Run, bar: str, pairs: list[tuple[Row, Row]]) -> OnSameRows:
    values = [(before.scores[bar].value, after.scores[bar].value) for before, after in pairs]
    return OnSameRows(
        task=run.task,
        split=run.split,
        bar=bar,
        compared=compared([was for was, _ in values], [now for _, now in values], [row.group for row, _ in pairs], LEVEL),
        turned=tuple(
            Turned(example=old.example, before=old.answer.text, after=new.answer.text, score_before=was, score_after=now)
            for (old, new), (was, now) in zip(pairs, values, strict=True)
            if was != now
        ),
    )
