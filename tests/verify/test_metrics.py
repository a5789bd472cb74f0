"""Metrics as bars, from rows to a verdict: the figures are scikit-learn's and scipy's, and the words say which bound it is."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from bar_rows import CHOICE, answered, examples_of, task_of
from scipy.stats import spearmanr
from sklearn.metrics import brier_score_loss, f1_score, matthews_corrcoef, precision_score, recall_score

from rung.types import Answer, Bar, Run, Task, Verdict
from rung.verify.alpha import AlphaPlan
from rung.verify.bars import look_at, measure_of, seen
from rung.verify.reading import read_bar
from rung.verify.split_size import card, gate_problem


def split(task: Task, rungs: int) -> AlphaPlan:
    return AlphaPlan(number=1, alpha=task.alpha, rungs=tuple(map(str, range(rungs))), by_dev=False)


DRAW = random.Random(4)
TARGETS = [DRAW.choice(["spam", "ham", "ham", "ham"]) for _ in range(300)]
ANSWERS = [target if DRAW.random() < 0.9 else DRAW.choice(["ham", "spam", "who knows?"]) for target in TARGETS]
READ = [answer if answer in ("ham", "spam") else "none" for answer in ANSWERS]


def judged(bar: Bar, targets: list[str] = TARGETS, answers: list[Any] = ANSWERS) -> Verdict | None:
    task = task_of(examples_of(targets), bar)
    return look_at(seen(measure_of(task, bar), task.split("test"), answered(task, answers)), 0.05)


def bar(metric: str, **more: Any) -> Bar:
    return Bar(**CHOICE, at_least=0.3, metric=metric, **more)


SPAM_ALONE, BOTH = ({"labels": labels, "average": "macro"} for labels in (["spam"], ["ham", "spam"]))
THEIRS = [
    (bar("f1", of="spam"), f1_score(TARGETS, READ, **SPAM_ALONE)),
    (bar("precision", of="spam"), precision_score(TARGETS, READ, **SPAM_ALONE)),
    (bar("recall", of="spam"), recall_score(TARGETS, READ, **SPAM_ALONE)),
    (bar("micro_f1"), f1_score(TARGETS, READ, labels=["ham", "spam"], average="micro")),
    (bar("macro_f1"), f1_score(TARGETS, READ, **BOTH)),
    (bar("balanced_accuracy"), recall_score(TARGETS, READ, **BOTH)),
    (bar("matthews"), matthews_corrcoef(TARGETS, READ)),
]


@pytest.mark.parametrize(("bar", "theirs"), THEIRS, ids=[bar.metric for bar, _ in THEIRS])
def test_as_scikit_learn_has_it(bar: Bar, theirs: float) -> None:
    verdict = judged(bar)
    assert verdict is not None and verdict.lower is not None and verdict.upper is not None
    assert verdict.estimate == pytest.approx(theirs)
    assert verdict.lower < theirs < verdict.upper
    assert bar.measured in verdict.reason and verdict.stopped_by in verdict.reason
    task = task_of(examples_of(TARGETS), bar)
    run = Run(candidate="c", task="t", split="test", rows=answered(task, ANSWERS))
    assert read_bar(task, bar, run, 0.05).estimate == pytest.approx(theirs)


def test_a_metric_of_the_whole_is_taken_once() -> None:
    bar = Bar(**CHOICE, at_least=0.3, metric="macro_f1")
    assert judged(bar, answers=ANSWERS[:-1]) is None
    verdict = judged(bar)
    assert verdict is not None
    assert verdict.stopped_by == "delta method over 300 rows, held by simulation"


def chances(spam: float) -> Answer:
    text = "spam" if spam > 0.5 else "ham"
    return Answer(text=text, logprobs={"spam": math.log(spam), "ham": math.log(1 - spam)})


SPAM = [min(0.99, max(0.01, DRAW.gauss(0.85 if target == "spam" else 0.2, 0.2))) for target in TARGETS]


def test_chances() -> None:
    answers = [chances(spam) for spam in SPAM]
    verdict = judged(Bar(**CHOICE, at_most=0.3, metric="brier"), answers=answers)
    assert verdict is not None and verdict.status == "pass"
    theirs = brier_score_loss([target == "spam" for target in TARGETS], SPAM)
    assert verdict.estimate == pytest.approx(theirs)
    once = judged(Bar(**CHOICE, at_least=0.1, metric="pass_at_k", k=1), answers=answers)
    right = [spam if target == "spam" else 1 - spam for target, spam in zip(TARGETS, SPAM, strict=True)]
    assert once is not None and once.estimate == pytest.approx(sum(right) / 300)
    thrice = judged(Bar(**CHOICE, at_least=0.1, metric="pass_at_k", k=3), answers=answers)
    assert thrice is not None and thrice.estimate == pytest.approx(sum(1 - (1 - p) ** 3 for p in right) / 300)
    ece = judged(Bar(**CHOICE, at_most=0.5, metric="ece"), answers=answers)
    assert ece is not None and ece.status == "pass" and ece.estimate is not None and 0 < ece.estimate < 0.3


def test_chances_that_no_model_gave_are_missing() -> None:
    for bar in (Bar(**CHOICE, at_most=0.3, metric="brier"), Bar(**CHOICE, at_most=0.3, metric="ece")):
        verdict = judged(bar)
        assert verdict is not None
        assert (verdict.status, verdict.missing, verdict.estimate) == ("undecided", 300, None)
        assert "300 rows have no score" in verdict.reason


def test_spearman() -> None:
    stars = [str(DRAW.randint(1, 5)) for _ in range(200)]
    given = [str(min(5, max(1, int(star) + DRAW.choice([-1, 0, 0, 1])))) for star in stars]
    bar = Bar(scorer="numeric", at_least=0.5, metric="spearman")
    verdict = judged(bar, stars, [f"I would say {star}" for star in given])
    assert verdict is not None and verdict.status == "pass"
    assert verdict.estimate == pytest.approx(spearmanr([*map(int, stars)], [*map(int, given)]).statistic)
    muddled = judged(bar, stars, ["no number"] * 40 + given[40:])
    assert muddled is not None and muddled.estimate < verdict.estimate


def test_missing_rows_count_against_what_would_be_concluded() -> None:
    bar = Bar(**CHOICE, at_most=0.2, metric="ece")
    answers: list[Any] = [chances(spam) for spam in SPAM]
    whole, holes = judged(bar, answers=answers), judged(bar, answers=[Answer(text="ham")] * 60 + answers[60:])
    assert whole is not None and holes is not None and whole.upper is not None and holes.upper is not None
    assert holes.missing == 60 and holes.upper > whole.upper


def test_too_few_rows_are_told_beforehand() -> None:
    bar = Bar(**CHOICE, at_least=0.85, metric="macro_f1")
    few = task_of(examples_of(TARGETS[:30]), bar)
    problem = gate_problem(few, 4)
    assert problem is not None and "macro f1" in problem and "even if every answer is right" in problem
    enough = task_of(examples_of(TARGETS), bar)
    assert gate_problem(enough, 4) is None
    assert "rests on 300 of 300 test rows" in card(enough, split(enough, 4))[-1]["text"]
    rare = task_of(examples_of(TARGETS), Bar(**CHOICE, at_least=0.98, metric="f1", of="spam"))
    assert "that 'quality' is about (f1 of spam)" in (gate_problem(rare, 4) or "")


def test_micro_f1_of_sets_of_labels() -> None:
    """scikit-learn's, and bounds that hold it; what is none of the labels counts once as a wrong one."""
    draw, labels = random.Random(5), ["late", "dear", "broken"]
    bar = Bar(scorer="labels", config={"choices": labels, "separator": ";"}, at_least=0.6, metric="micro_f1")
    meant = ["; ".join(draw.sample(labels, draw.randint(0, 3))) or "none" for _ in range(200)]
    said = [text if draw.random() < 0.8 else "; ".join(draw.sample(labels, 2)) for text in meant]
    task = task_of(examples_of(meant), bar)
    run = Run(candidate="c", task="t", split="test", rows=answered(task, said))
    found = read_bar(task, bar, run, 0.05)
    theirs = f1_score(*([[label in text for label in labels] for text in texts] for texts in (meant, said)), average="micro")
    assert found.estimate == pytest.approx(theirs)
    assert (
        found.lower is not None and found.upper is not None and 0.6 <= found.lower < theirs < found.upper and found.status == "pass"
    )
    odd = Run(candidate="c", task="t", split="test", rows=answered(task_of(examples_of(["late"]), bar), ["late; odd; worn"]))
    assert read_bar(task_of(examples_of(["late"]), bar), bar, odd, 0.05).estimate == pytest.approx(2 / 3)


def test_a_bar_on_micro_f1_of_sets_has_a_card_and_a_verdict() -> None:
    bar = Bar(scorer="labels", config={"choices": ["late", "dear"], "separator": ";"}, at_least=0.6, metric="micro_f1")
    task = task_of(examples_of(["late", "dear", "late; dear", "none"] * 60), bar)
    right = [row.target for row in task.examples]
    verdict = look_at(seen(measure_of(task, bar), task.split("test"), answered(task, right)), 0.05)
    assert verdict is not None and verdict.status == "pass" and verdict.estimate == 1
    assert "how often less than that passes is not known beforehand" in " ".join(
        line["text"] for line in card(task, split(task, 1))
    )
    assert gate_problem(task, 1) is None
    few = task_of(examples_of(["late", "dear"]), bar)
    assert "even if every answer is right" in str(gate_problem(few, 1))
