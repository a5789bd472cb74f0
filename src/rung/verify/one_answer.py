"""One answer to one row under every bar of a task: what was read of it, each score and why, and the ideal answer beside it."""

from __future__ import annotations

from dataclasses import dataclass

from rung.errors import UserError, did_you_mean
from rung.reply import final_answer, read_reply
from rung.types import Bar, Example, Task
from rung.verify.scoring import scorer_of

SHOWN_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class BarScore:
    """One bar's word on it. `ideal` is the answer that this bar's scorer would call right, and `ideal_score` what it gives that."""

    bar: str
    scorer: str
    score: float | None
    reason: str
    ideal: str | None
    ideal_score: float | None


@dataclass(frozen=True, kw_only=True)
class ScoredAnswer:
    """An answer to a row. `answer` is what was read as the final one, `thought` what was taken off as reasoning before that."""

    row: str
    source: str
    split: str
    question: str
    answer: str
    thought: str
    bars: tuple[BarScore, ...]


def row_of(task: Task, name: str) -> Example:
    """The row with an id, or at a `file:line`. Raises UserError, with the nearest id, where there is none."""
    found = [row for row in task.examples if name in (row.id, row.source)] or [
        row for row in task.examples if row.source.endswith(f"/{name}")
    ]
    if found:
        return found[0]
    ids = [row.id for row in task.examples]
    near = did_you_mean(name, ids)
    some = near if near.startswith("Did") else f"Some of its {len(ids):,} rows: {', '.join(ids[:SHOWN_ROWS])}."
    raise UserError(
        f"no row is called '{name}'", where=task.path, hint=f"{some} Rows that asked the same as another were left out."
    )


def score_one(task: Task, row: Example, output: str) -> ScoredAnswer:
    """What every bar says of what a model could have written to a row."""
    ideal = _ideal(task, task.quality, row) or ""
    content = row.messages[-1].get("content") if row.messages else ""
    return ScoredAnswer(
        row=row.id,
        source=row.source,
        split=row.split,
        question=content if isinstance(content, str) else str(content),
        answer=final_answer(output, lambda: ideal),
        thought=read_reply(output).thought,
        bars=tuple(_by(task, bar, row, output) for bar in (task.quality, *task.guards)),
    )


def _by(task: Task, bar: Bar, row: Example, output: str) -> BarScore:
    scorer = scorer_of(task, bar)
    staged = scorer.staged(row)
    said, ideal = scorer.score(staged, output), _ideal(task, bar, row)
    return BarScore(
        bar=bar.name,
        scorer=bar.scorer,
        score=said.value,
        reason=said.reason,
        ideal=ideal,
        ideal_score=None if ideal is None else scorer.score(staged, ideal).value,
    )


def _ideal(task: Task, bar: Bar, row: Example) -> str | None:
    scorer = scorer_of(task, bar)
    return None if row.target is None else scorer.ideal(scorer.staged(row))
