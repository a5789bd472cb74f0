"""Bars on some of the rows, and on errors that cost differently: what they count, decide and say."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from bar_rows import CHOICE, answered, examples_of, task_of

from rung.types import Bar, Row, Run, Score
from rung.verify.bars import cut_short, look_at, measure_of, seen
from rung.verify.reading import read_bar
from rung.verify.stats.bounds import clopper_pearson
from rung.verify.stats.gate import Claim, look
from rung.verify.stats.paired import look_paired

# 40 spam (4 missed), 160 ham (8 called spam).
ORDER = random.Random(3).sample(range(200), 200)
TARGETS = [(["spam"] * 40 + ["ham"] * 160)[n] for n in ORDER]
ANSWERS = [(["ham"] * 4 + ["spam"] * 36 + ["spam"] * 8 + ["ham"] * 152)[n] for n in ORDER]
RECALLED = [float(a == "spam") for t, a in zip(TARGETS, ANSWERS, strict=True) if t == "spam"]


def judged(bar: Bar, *, targets: list[str] = TARGETS, answers: list[str] = ANSWERS, **rest: Any) -> Any:
    task = task_of(examples_of(targets, **rest), bar)
    examples = task.split("test")
    return look_at(seen(measure_of(task, bar), examples, answered(task, answers)), 0.05)


@pytest.mark.parametrize(
    "bar", [Bar(**CHOICE, at_least=0.7, where={"target": "spam"}), Bar(**CHOICE, at_least=0.7, metric="recall", of="spam")]
)
def test_a_recall_is_exactly_the_mean_over_its_rows(bar: Bar) -> None:
    verdict = judged(bar)
    same = look(RECALLED, Claim(groups=[f"r{n}" for n in range(40)], bar=0.7, alpha=0.05))
    assert (verdict.status, verdict.n, verdict.n_total, verdict.estimate) == ("pass", 40, 40, 0.9)
    assert (verdict.lower, verdict.upper, verdict.stopped_by) == pytest.approx((same.lower, same.upper, same.stopped_by))
    assert "spam" in verdict.reason and "40 of 40 rows" in verdict.reason


@pytest.mark.parametrize(
    "bar", [Bar(**CHOICE, at_least=0.6, where={"answer": "spam"}), Bar(**CHOICE, at_least=0.6, metric="precision", of="spam")]
)
def test_a_precision_is_on_the_rows_that_were_answered_so(bar: Bar) -> None:
    verdict = judged(bar)
    assert (verdict.status, verdict.n, verdict.estimate) == ("pass", 200, 36 / 44)
    assert verdict.lower >= 0.6
    assert "44 of which it counts" in verdict.reason


def test_a_precision_that_is_read_is_clopper_and_pearsons() -> None:
    bar = Bar(**CHOICE, at_least=0.6, metric="precision", of="spam")
    task = task_of(examples_of(TARGETS), bar)
    run = Run(candidate="c", task="t", split="test", rows=answered(task, ANSWERS))
    found = read_bar(task, bar, run, 0.05)
    assert (found.lower, found.upper) == pytest.approx(clopper_pearson(36, 44, 0.05), abs=2e-4)
    assert (found.estimate, found.n, found.missing, found.status) == (36 / 44, 200, 0, "pass")


def test_a_slice_is_a_column_of_the_users() -> None:
    slices = [{"language": "de" if n % 4 == 0 else "en"} for n in range(200)]
    verdict = judged(Bar(**CHOICE, at_least=0.5, where={"language": "de"}), slices=slices)
    assert verdict.n_total == 50
    assert verdict.estimate == sum(t == a for t, a in zip(TARGETS[::4], ANSWERS[::4], strict=True)) / 50
    both = judged(Bar(**CHOICE, at_least=0.5, where={"language": "de", "target": "spam"}), slices=slices)
    assert both.n_total == TARGETS[::4].count("spam")


def test_a_comparison_on_a_slice_is_paired_on_it() -> None:
    bar = Bar(**CHOICE, not_worse_than="champion", margin=0.3, where={"target": "spam"})
    task = task_of(examples_of(TARGETS), bar)
    mine, other = answered(task, ANSWERS), answered(task, TARGETS)
    verdict = look_at(seen(measure_of(task, bar), task.split("test"), mine, other), 0.05)
    same = look_paired(RECALLED, [1.0] * 40, Claim(groups=[f"r{n}" for n in range(40)], bar=-0.3, alpha=0.05))
    assert verdict is not None and same is not None
    assert (verdict.status, verdict.estimate, verdict.lower, verdict.n_total) == (same.status, -0.1, same.lower, 40)


def test_costs() -> None:
    bar = Bar(**CHOICE, at_most=1.9, cost={"spam->ham": 1.0, "ham->spam": 20.0})
    assert judged(bar).estimate == pytest.approx((4 * 1 + 8 * 20) / 200)
    cheap = Bar(**CHOICE, at_most=3.0, cost={"spam->ham": 20.0, "ham->spam": 1.0})
    verdict = judged(cheap)
    assert verdict.status == "pass" and verdict.lower < verdict.estimate < verdict.upper <= 3.0
    assert "expected cost: at most" in verdict.reason
    dear = judged(Bar(**CHOICE, at_most=0.1, cost={"spam->ham": 1.0, "ham->spam": 20.0}), answers=["spam"] * 200)
    assert dear.status == "fail" and dear.lower > 0.1 and "above the bar of 0.1" in dear.reason


def test_an_error_that_no_cost_is_said_for_costs_as_much_as_the_dearest() -> None:
    bar = Bar(**CHOICE, at_most=1.0, cost={"spam->*": 1.0, "ham->none": 2.0, "ham->spam": 20.0})
    assert judged(bar, targets=["ham"], answers=["no idea"]).estimate == 2.0
    assert judged(bar, targets=["spam"], answers=["no idea"]).estimate == 1.0
    assert judged(Bar(**CHOICE, at_most=1.0, cost={"spam->ham": 3.0}), targets=["ham"], answers=["what?"]).estimate == 3.0


def test_an_upper_bar_is_a_lower_one_mirrored() -> None:
    upper = judged(Bar(**CHOICE, at_most=0.97))
    lower = look(
        [float(t != a) for t, a in zip(TARGETS, ANSWERS, strict=True)],
        Claim(groups=[f"r{n}" for n in range(200)], bar=0.03, alpha=0.05),
    )
    assert upper.status == lower.status
    assert (upper.lower, upper.upper) == pytest.approx((1 - lower.upper, 1 - lower.lower))


def test_a_bar_that_another_cut_short() -> None:
    bar = Bar(**CHOICE, at_least=0.7, where={"target": "spam"})
    task = task_of(examples_of(TARGETS), bar)
    verdict = cut_short(seen(measure_of(task, bar), task.split("test"), answered(task, ANSWERS[:10])), 0.05)
    assert (verdict.status, verdict.n_total, verdict.stopped_by) == ("undecided", 40, "another bar")
    assert verdict.n == sum(target == "spam" for target in TARGETS[:10])


def test_rows_without_a_score_count_against_what_would_be_concluded() -> None:
    bar = Bar(scorer="python", config={"function": "x.py#y"}, at_least=0.5)
    assert bar.plain
    recall = Bar(**CHOICE, at_least=0.5, metric="precision", of="spam")
    task = task_of(examples_of(TARGETS), recall)
    rows = [row if n % 2 else unscored(row) for n, row in enumerate(answered(task, ANSWERS))]
    verdict = look_at(seen(measure_of(task, recall), task.split("test"), rows), 0.05)
    assert verdict is not None and verdict.missing == 100 and verdict.status != "pass"
    assert "100 rows have no score" in verdict.reason


def unscored(row: Row) -> Row:
    return replace(row, scores={"quality": Score(value=None)})
