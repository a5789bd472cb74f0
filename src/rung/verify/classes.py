"""What a Run says of each class of a closed set: its rows, precision, recall and F1 with bounds, and which are taken for which.

Where answers are sets of labels, the same of each label: whether a row has it, and whether its answer says it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rung.parts import Bounded, ClassFigures, ClassTable, Confusion
from rung.types import Bar, Example, Row, Run, Task
from rung.verify.bars import Measure, measure_of, seen
from rung.verify.metrics import Answered, linear_of, part_of
from rung.verify.stats.linear import Asked, fixed_ends

# Bounds by groups take time, and nobody reads more.
MOST_CLASSES, MOST_CONFUSIONS = 30, 8
LEVEL = 0.05


def class_table(task: Task, run: Run) -> ClassTable | None:
    """The table of the quality bar's scorer over all rows of a Run; None where its answers are no labels of a closed set."""
    bar = Bar(scorer=task.quality.scorer, config=task.quality.config, at_least=0.5)
    measure = measure_of(task, bar)
    scorer = measure.scorer
    if not (scorer.several or scorer.classes(task.examples)):
        return None
    examples = {row.id: row for row in task.split(run.split)}
    sight = seen(measure, [examples[row.example] for row in run.rows], run.rows)
    rows = [_said(measure, example, row) for example, row in zip(sight.examples, sight.rows, strict=True)]
    counts = Counter(label for said in rows for label in said.meant)
    wrong: Counter[tuple[str, str]] = Counter() if scorer.several else _confused([said.row for said in rows])
    largest = sorted(counts, key=lambda label: (-counts[label], label))
    return ClassTable(
        split=run.split,
        n=len(rows),
        missing=sum(said.row.score.value is None for said in rows),
        level=LEVEL,
        classes=tuple(_figures(label, [said.of(label) for said in rows], sight.groups) for label in largest[:MOST_CLASSES]),
        of=len(largest),
        confusions=tuple(Confusion(target=t, answer=a, rows=n) for (t, a), n in wrong.most_common(MOST_CONFUSIONS)),
        sets=scorer.several,
    )


@dataclass(frozen=True, kw_only=True)
class _Said:
    """A row with the labels of its target and of its answer, one each or several."""

    row: Answered
    meant: frozenset[str]
    named: frozenset[str]

    def of(self, label: str) -> Answered:
        """The row as one label sees it: its target and its answer are that label, or they are not."""
        return replace(self.row, target=label if label in self.meant else None, label=label if label in self.named else None)


def _said(measure: Measure, example: Example, row: Row) -> _Said:
    answered, scorer = measure.answered(example, row), measure.scorer
    named = frozenset[str]() if answered.score.value is None else scorer.named(example, row.answer.text)
    return _Said(row=answered, meant=scorer.named(example, scorer.ideal(example)), named=named)


def _confused(rows: Sequence[Answered]) -> Counter[tuple[str, str]]:
    """Which label was taken for which, how often."""
    known = [(row.target, row.label) for row in rows if row.score.value is not None and row.target is not None]
    return Counter((target, label or "") for target, label in known if target != label)


def _figures(label: str, rows: Sequence[Answered], groups: Sequence[str]) -> ClassFigures:
    return ClassFigures(
        label=label,
        rows=sum(row.target == label for row in rows),
        answered=sum(row.label == label for row in rows),
        precision=_bounded("precision", label, rows, groups),
        recall=_bounded("recall", label, rows, groups),
        f1=_bounded("f1", label, rows, groups),
    )


def _bounded(metric: str, label: str, rows: Sequence[Answered], groups: Sequence[str]) -> Bounded:
    """One figure of one class over its rows; missing ones count against what would be concluded."""
    bar = Bar(scorer="", at_least=0.5, metric=metric, of=label)
    about = [(row, group) for row, group in zip(rows, groups, strict=True) if metric != "recall" or row.target == label]
    parts = tuple(part_of(bar, None, row) for row, _ in about)
    linear = linear_of(bar)
    assert linear is not None
    estimate = linear.whole(parts)
    if estimate is None:
        return Bounded(estimate=None, lower=None, upper=None)
    named = tuple(group for _, group in about)
    lower, upper = fixed_ends(Asked(parts=parts, groups=named, linear=linear, line=min(0.99, max(0.01, estimate)), alpha=LEVEL))
    return Bounded(estimate=estimate, lower=lower, upper=upper)
