"""What candidates are compared by on dev: the bar's own figure, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from bar_rows import CHOICE, answered, examples_of, task_of

from rung.types import Bar, Run, Task
from rung.verify.choosing import Shares, counted, described, line_of, shares_of
from rung.verify.run import score_rows
from rung.verify.stats.select import one_standard_error

# One answerer is right more often, the other finds the spam.
TARGETS = ["spam"] * 4 + ["ham"] * 16
MILD = ["ham"] * 4 + ["ham"] * 16
STRICT = ["spam"] * 4 + ["ham"] * 10 + ["spam"] * 6


def shares(bar: Bar, answers: Sequence[Any], targets: Sequence[str] = TARGETS, **rest: Any) -> Shares:
    task = task_of(examples_of(targets, **rest), bar)
    return shares_of(task, task.split("test"), answered(task, answers))


def task_with(bar: Bar) -> Task:
    return task_of(examples_of(TARGETS), bar)


def test_a_plain_bar_chooses_by_the_mean_score() -> None:
    bar = Bar(**CHOICE, at_least=0.9)
    task = task_with(bar)
    rows = answered(task, MILD)
    run = Run(candidate="c", task="t", split="test", rows=rows)
    found = shares_of(task, task.split("test"), rows)
    assert (found.values, found.mean, found.groups, found.by) == (tuple(run.values()), run.mean(), run.groups, "")
    assert line_of(task) == 0.9 and described(task) == ""
    assert counted(task, task.split("test")) == task.split("test")


@pytest.mark.parametrize(
    ("bar", "better"),
    [
        (Bar(**CHOICE, at_least=0.9), "mild"),
        (Bar(**CHOICE, at_least=0.9, where={"target": "spam"}), "strict"),
        (Bar(**CHOICE, at_least=0.9, metric="recall", of="spam"), "strict"),
        (Bar(**CHOICE, better_than="r1_prompt", by=0.1, where={"target": "spam"}), "strict"),
        (Bar(**CHOICE, at_least=0.5, metric="f1", of="spam"), "strict"),
        (Bar(**CHOICE, at_most=0.5, cost={"spam->ham": 20.0, "ham->spam": 1.0}), "strict"),
        (Bar(**CHOICE, at_most=0.5, cost={"spam->ham": 1.0, "ham->spam": 20.0}), "mild"),
        (Bar(**CHOICE, at_least=0.9, metric="macro_f1"), "mild"),
        (Bar(**CHOICE, at_most=0.5), "strict"),
    ],
)
def test_the_better_one_is_better_by_what_the_bar_is_on(bar: Bar, better: str) -> None:
    mild, strict = shares(bar, MILD), shares(bar, STRICT)
    assert mild.ids == strict.ids and mild.mean is not None and strict.mean is not None
    assert (strict.mean > mild.mean) == (better == "strict")
    assert one_standard_error([(1.0, mild.values), (1.0, strict.values)], mild.groups) == ["mild", "strict"].index(better)
    assert bool(mild.by) != bar.plain


def test_recall_is_over_its_rows_and_a_cost_is_turned_about() -> None:
    assert shares(Bar(**CHOICE, at_least=0.9, where={"target": "spam"}), STRICT).values == (1.0,) * 4
    cost = Bar(**CHOICE, at_most=0.5, cost={"spam->ham": 20.0, "ham->spam": 1.0})
    found = shares(cost, STRICT)
    assert found.mean == pytest.approx(1 - 6 / 20 / 20)
    assert line_of(task_with(cost)) == pytest.approx(1 - 0.5 / 20)
    assert found.by == "1 - expected cost / 20"


def test_a_precision_is_over_the_line_where_its_mean_is() -> None:
    bar = Bar(**CHOICE, at_least=0.5, metric="precision", of="spam")
    line = line_of(task_with(bar))
    assert line is not None
    assert shares(bar, STRICT).mean < line  # type: ignore[operator]
    assert shares(bar, ["spam"] * 4 + ["ham"] * 15 + ["spam"]).mean > line  # type: ignore[operator]
    # A row that is not answered so stands on the line, and is no failure.
    assert min(value for value in shares(bar, MILD).values if value is not None) == line


def test_of_a_metric_of_all_rows_at_once_the_mean_score_chooses_and_says_so() -> None:
    bar = Bar(**CHOICE, at_least=0.9, metric="matthews")
    assert line_of(task_with(bar)) is None
    assert shares(bar, STRICT).mean == 14 / 20
    assert described(task_with(bar)) == "the mean score, for matthews is of all rows at once"


def test_where_the_rows_at_hand_have_none_that_it_is_about_the_mean_score_chooses_and_says_so() -> None:
    bar = Bar(**CHOICE, at_least=0.9, where={"language": "de"})
    found = shares(bar, STRICT, slices=[{"language": "en"}] * 20)
    assert found.mean == 14 / 20 and "none is one that the bar is about" in found.by
    task = task_of(examples_of(TARGETS, slices=[{"language": "en"}] * 20), bar)
    assert counted(task, task.split("test")) == task.split("test")


def test_a_row_without_a_score_stays_missing() -> None:
    bar = Bar(**CHOICE, at_least=0.9, metric="recall", of="spam")
    task = task_with(bar)
    rows = [replace(row, answer=replace(row.answer, fault="no answer")) for row in answered(task, STRICT)]
    found = shares_of(task, task.split("test"), score_rows(task, task.split("test"), [row.answer for row in rows]))
    assert found.values == (None,) * 4 and found.mean is None
