from __future__ import annotations

from dataclasses import replace

import pytest

from rung.types import Answer, Row, Run, Score
from rung.verify.same_rows import on_same_rows


def a_run(candidate: str, scores: dict[str, float | None], guards: dict[str, float] | None = None, **fields: str) -> Run:
    rows = tuple(
        Row(
            example=example,
            group="",
            answer=Answer(text=f"{candidate} on {example}"),
            scores={"quality": Score(value=value)} | {name: Score(value=guard) for name, guard in (guards or {}).items()},
        )
        for example, value in scores.items()
    )
    return Run(**{"candidate": candidate, "task": "t" * 64, "split": "dev", **fields}, rows=rows)


def test_only_rows_that_both_answered_are_compared_each_with_its_own() -> None:
    before = a_run("a", {"r1": 0.0, "r2": 1.0, "r3": 1.0, "r4": 1.0})
    after = a_run("b", {"r9": 1.0, "r3": 0.0, "r2": 1.0, "r1": 1.0})
    (found,) = on_same_rows(before, after)
    assert (found.split, found.bar, found.compared.n) == ("dev", "quality", 3)
    assert (found.compared.better, found.compared.worse, found.compared.estimate) == (1, 1, 0.0)
    assert [(row.example, row.before, row.score_after) for row in found.turned] == [("r1", "a on r1", 1.0), ("r3", "a on r3", 0.0)]


def test_bars_that_both_were_scored_by_and_missing_scores() -> None:
    before = a_run("a", {"r1": 0.0, "r2": 1.0}, {"short": 1.0, "polite": 1.0})
    after = a_run("b", {"r1": None, "r2": 1.0}, {"short": 0.0, "kind": 1.0})
    quality, short = on_same_rows(before, after)
    assert (quality.bar, short.bar) == ("quality", "short")
    assert (quality.compared.missing, quality.compared.estimate) == (1, 0.0)
    assert [(row.example, row.score_before, row.score_after) for row in quality.turned] == [("r1", 0.0, None)]
    assert short.compared.estimate == -1.0


def test_nothing_in_common_and_what_cannot_be_compared() -> None:
    run = a_run("a", {"r1": 0.0})
    assert on_same_rows(run, a_run("b", {"r2": 0.0})) == on_same_rows(run, a_run("b", {})) == []
    for other in (replace(run, split="test"), replace(run, task="u" * 64)):
        with pytest.raises(ValueError, match="no rows in common"):
            on_same_rows(run, other)
