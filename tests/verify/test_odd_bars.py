"""Bars on answers and rows as strangers have them: classes never said or never meant, answers that are none, odd columns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from bar_rows import CHOICE, answered, examples_of, task_of

from rung.types import Answer, Bar, Run, Verdict
from rung.verify.bars import look_at, measure_of, seen
from rung.verify.reading import Reading, read_bar

ORDER = random.Random(3).sample(range(200), 200)
TARGETS = [(["spam"] * 40 + ["ham"] * 160)[n] for n in ORDER]
HAM = ["ham"] * 200
NONE = [Answer(text="", fault="server error")] * 200
NUMERIC: dict[str, Any] = {"scorer": "numeric"}
RATINGS = [str(n % 5) for n in ORDER]


def found(bar: Bar, targets: Sequence[str], answers: Sequence[str | Answer], **rest: Any) -> tuple[Verdict, Reading]:
    """What the gate says once all rows are in, and what is read off the same rows."""
    task = task_of(examples_of(targets, **rest), bar)
    rows = answered(task, answers)
    verdict = look_at(seen(measure_of(task, bar), task.split("test"), rows), 0.05)
    assert verdict is not None
    return verdict, read_bar(task, bar, Run(candidate="c", task="t", split="test", rows=rows), 0.05)


@pytest.mark.parametrize("answers", [HAM, ["banana"] * 200])
@pytest.mark.parametrize("asked", [{"metric": "precision", "of": "spam"}, {"where": {"answer": "spam"}}])
@pytest.mark.parametrize("groups", [(), [f"g{n // 4}" for n in range(200)]])
def test_the_precision_of_a_class_that_is_never_answered_is_not_known(asked: Any, answers: Any, groups: Any) -> None:
    verdict, reading = found(Bar(**CHOICE, at_least=0.5, **asked), TARGETS, answers, groups=groups)
    assert (verdict.status, verdict.estimate, verdict.needed) == ("undecided", None, None)
    assert (reading.status, reading.estimate) == ("undecided", None)
    assert verdict.lower is not None and verdict.lower < 0.5 and "0 of which it counts" in verdict.reason


@pytest.mark.parametrize("metric", ["precision", "f1", "recall"])
def test_a_class_that_no_row_has_and_no_answer_names_is_not_known(metric: str) -> None:
    verdict, reading = found(Bar(**CHOICE, at_least=0.5, metric=metric, of="spam"), HAM, HAM)
    assert (verdict.status, verdict.estimate, verdict.needed, reading.status) == ("undecided", None, None, "undecided")


@pytest.mark.parametrize("metric", ["recall", "f1"])
def test_a_class_that_is_never_answered_has_no_recall(metric: str) -> None:
    verdict, reading = found(Bar(**CHOICE, at_least=0.5, metric=metric, of="spam"), TARGETS, HAM)
    assert (verdict.status, verdict.estimate, reading.status) == ("fail", 0.0, "fail")


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy", "matthews", "micro_f1"])
def test_answers_that_are_all_missing_decide_nothing(metric: str) -> None:
    verdict, reading = found(Bar(**CHOICE, at_least=0.5, metric=metric), TARGETS, NONE)
    assert (verdict.status, verdict.estimate, verdict.missing) == ("undecided", None, 200)
    assert (reading.status, reading.lower, reading.upper) == ("undecided", None, None)


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy", "matthews", "micro_f1"])
def test_answers_that_are_no_label_are_wrong_and_no_class_of_their_own(metric: str) -> None:
    verdict, reading = found(Bar(**CHOICE, at_least=0.5, metric=metric), TARGETS, ["banana"] * 200)
    assert (verdict.status, verdict.estimate, reading.missing) == ("fail", 0.0, 0)


def test_classes_without_rows_are_no_part_of_a_macro_mean() -> None:
    three: dict[str, Any] = {"scorer": "choice", "config": {"choices": ["ham", "spam", "news"]}}
    verdict, _ = found(Bar(**three, at_least=0.9, metric="macro_f1"), TARGETS, TARGETS)
    assert (verdict.status, verdict.estimate) == ("pass", 1.0)


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy", "matthews"])
def test_rows_of_one_class_alone_prove_nothing_of_all_classes(metric: str) -> None:
    assert found(Bar(**CHOICE, at_least=0.5, metric=metric), HAM, HAM)[0].status == "undecided"


@pytest.mark.parametrize(
    ("targets", "answers"), [(RATINGS, ["3"] * 200), (["3"] * 200, RATINGS), (RATINGS, ["three"] * 200), (RATINGS, NONE)]
)
def test_ranks_that_are_no_ranks_pass_nothing(targets: Any, answers: Any) -> None:
    assert found(Bar(**NUMERIC, at_least=0.2, metric="spearman"), targets, answers)[0].status != "pass"


def test_matthews_of_constant_answers_is_0() -> None:
    verdict, _ = found(Bar(**CHOICE, at_least=0.1, metric="matthews"), TARGETS, HAM)
    assert (verdict.status, verdict.estimate) == ("undecided", 0.0)


@pytest.mark.parametrize("wanted", [1, "1"])
def test_a_label_is_the_same_as_a_number_and_as_a_text(wanted: Any) -> None:
    digits: dict[str, Any] = {"scorer": "choice", "config": {"choices": ["0", "1"]}}
    assert found(Bar(**digits, at_least=0.5, where={"target": wanted}), ["1", "0"] * 100, ["1", "0"] * 100)[0].n_total == 100


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"urgent": True}, 100),
        ({"urgent": "true"}, 100),
        ({"urgent": False}, 100),
        ({"size": ">= 100"}, 100),
        ({"size": 7}, 1),
        ({"language": "de"}, 133),
        ({"language": "not empty"}, 133),
        ({"language": "xx"}, 0),
    ],
)
def test_columns_of_truths_of_numbers_and_with_gaps(where: dict[str, Any], rows: int) -> None:
    slices = [{"urgent": n % 2 == 0, "size": n, "language": None if n % 3 == 0 else "de"} for n in range(200)]
    verdict, reading = found(Bar(**CHOICE, at_least=0.5, where=where), TARGETS, TARGETS, slices=slices)
    assert (verdict.n_total, reading.n) == (rows, rows)
    assert verdict.status == ("pass" if rows > 1 else "undecided")


def test_a_chance_of_exactly_one_is_in_the_last_bin_and_one_of_zero_is_no_chance() -> None:
    sure = [Answer(text=t, logprobs={t: 0.0, "spam" if t == "ham" else "ham": float("-inf")}) for t in TARGETS]
    assert found(Bar(**CHOICE, at_most=0.2, metric="ece"), TARGETS, sure)[0].estimate == 0.0
    assert found(Bar(**CHOICE, at_most=0.2, metric="brier"), TARGETS, sure)[0].estimate == 0.0
    wrong = [Answer(text="ham", logprobs={"ham": 0.0, "spam": float("-inf")})] * 200
    verdict, _ = found(Bar(**CHOICE, at_least=0.5, metric="pass_at_k", k=1000), ["spam"] * 200, wrong)
    assert (verdict.status, verdict.estimate) == ("fail", 0.0)


def test_chances_that_nobody_told_are_missing() -> None:
    verdict, reading = found(Bar(**CHOICE, at_most=0.2, metric="brier"), TARGETS, TARGETS)
    assert (verdict.status, verdict.missing, reading.estimate) == ("undecided", 200, None)
