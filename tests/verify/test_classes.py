"""The table of classes: scikit-learn's figures, exact bounds, the confusions, and its words on a page and in a terminal."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import Any

import pytest
from bar_rows import CHOICE, answered, examples_of, task_of
from rich.console import Console
from sklearn.metrics import precision_recall_fscore_support

from rung.parts import ClassTable
from rung.report.classes import class_grid, class_lines, confused
from rung.types import Bar, Run
from rung.verify.classes import class_table
from rung.verify.stats.bounds import clopper_pearson

DRAW = random.Random(9)
TARGETS = [DRAW.choice(["spam", "ham", "ham"]) for _ in range(120)]
ANSWERS = [target if DRAW.random() < 0.8 else DRAW.choice(["ham", "spam", "eh?"]) for target in TARGETS]


def table(bar: Bar) -> ClassTable | None:
    task = task_of(examples_of(TARGETS), bar)
    return class_table(task, Run(candidate="c", task="t", split="test", rows=answered(task, ANSWERS)))


def test_figures_and_bounds() -> None:
    found = table(Bar(**CHOICE, at_least=0.5, metric="f1", of="spam"))
    assert found is not None
    read = [answer if answer in ("ham", "spam") else "none" for answer in ANSWERS]
    theirs = precision_recall_fscore_support(TARGETS, read, labels=["ham", "spam"])
    for place, one in enumerate(found.classes):
        ours = (one.precision.estimate, one.recall.estimate, one.f1.estimate, one.rows)
        assert ours == pytest.approx(tuple(column[place] for column in theirs))
        right = sum(t == a == one.label for t, a in zip(TARGETS, read, strict=True))
        assert (one.recall.lower, one.recall.upper) == pytest.approx(clopper_pearson(right, one.rows, 0.05))
        assert (one.precision.lower, one.precision.upper) == pytest.approx(clopper_pearson(right, one.answered, 0.05), abs=5e-4)
    assert {(pair.target, pair.answer): pair.rows for pair in found.confusions} == {
        (t, "" if a == "none" else a): sum((t, a) == pair for pair in zip(TARGETS, read, strict=True))
        for t, a in {(t, a) for t, a in zip(TARGETS, read, strict=True) if t != a}
    }


def test_in_words() -> None:
    found = table(Bar(**CHOICE, at_least=0.5))
    assert found is not None
    assert [row[0] for row in class_grid(found).rows] == ["ham", "spam"]
    assert "ham as none of them (" in confused(found)
    console = Console(file=io.StringIO(), width=140)
    console.print(*class_lines(found))
    assert isinstance(console.file, io.StringIO)
    said = " ".join(console.file.getvalue().split())
    assert "each bound by itself is wrong at most 5% of the time" in said and "spam" in said


def test_no_closed_set_no_table() -> None:
    assert table(Bar(scorer="contains", at_least=0.5)) is None


SETS: dict[str, Any] = {"scorer": "labels", "config": {"choices": ["late", "dear", "broken"], "separator": ";"}}
MEANT = [DRAW.choice(["late", "late; dear", "broken", "none", "dear; broken"]) for _ in range(120)]
SAID = [text if DRAW.random() < 0.7 else DRAW.choice(["late", "dear and late", "none", "broken, odd"]) for text in MEANT]


def label_table(groups: Sequence[str] = ()) -> ClassTable:
    task = task_of(examples_of(MEANT, groups), Bar(**SETS, at_least=0.5))
    found = class_table(task, Run(candidate="c", task="t", split="test", rows=answered(task, SAID)))
    assert found is not None and found.sets
    return found


def test_each_label_of_sets() -> None:
    found = label_table()
    labels = [one.label for one in found.classes]
    assert sorted(labels) == ["broken", "dear", "late"]
    has, said = ([[label in text for label in labels] for text in texts] for texts in (MEANT, SAID))
    precision, recall, f1, rows = precision_recall_fscore_support(has, said)
    for place, one in enumerate(found.classes):
        assert (one.rows, one.answered) == (rows[place], sum(row[place] for row in said))
        ours = (one.precision.estimate, one.recall.estimate, one.f1.estimate)
        assert ours == pytest.approx((precision[place], recall[place], f1[place]))
        right = sum(h[place] and s[place] for h, s in zip(has, said, strict=True))
        assert (one.recall.lower, one.recall.upper) == pytest.approx(clopper_pearson(right, one.rows, 0.05))
    assert found.confusions == () and confused(found) == ""


def test_rows_of_a_group_say_less_of_a_label_than_rows_that_stand_alone() -> None:
    together = {one.label: one.recall for one in label_table([f"g{n // 4}" for n in range(120)]).classes}
    for one in label_table().classes:
        lower, other = one.recall.lower, together[one.label].lower
        assert lower is not None and other is not None and other < lower


def test_labels_in_words() -> None:
    grid = class_grid(label_table())
    assert grid.columns[0].label == "Label" and grid.caption.startswith("Each label on 120 test rows;")
