"""What a Run says of each class of a closed set: its rows, precision, recall and F1 with bounds, and which are taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rung.parts import Bounded, ClassFigures, ClassTable, Confusion
from rung.types import Bar, Run, Task
from rung.verify.bars import measure_of, seen
from rung.verify.metrics import Answered, linear_of, part_of
from rung.verify.stats.linear import Asked, fixed_ends

# Bounds by groups take time, and nobody reads more.
MOST_CLASSES, MOST_CONFUSIONS = 30, 8
LEVEL = 0.05


def class_table(task: Task, run: Run) -> ClassTable | None:
    """The table of the quality bar's scorer over all rows of a Run; None where its answers are no closed set of labels."""
    bar = Bar(scorer=task.quality.scorer, config=task.quality.config, at_least=0.5)
    measure = measure_of(task, bar)
    if not measure.scorer.classes(task.examples):
        return None
    examples = {row.id: row for row in task.split(run.split)}
    sight = seen(measure, [examples[row.example] for row in run.rows], run.rows)
    rows = [measure.answered(example, row) for example, row in zip(sight.examples, sight.rows, strict=True)]
    counts = Counter(row.target for row in rows if row.target is not None)
    known = [(row.target, row.label) for row in rows if row.score.value is not None and row.target is not None]
    wrong = Counter((target, label or "") for target, label in known if target != label)
    largest = sorted(counts, key=lambda label: (-counts[label], label))
    return ClassTable(
        split=run.split,
        n=len(rows),
        missing=sum(row.score.value is None for row in rows),
        level=LEVEL,
        classes=tuple(_figures(label, rows, sight.groups) for label in largest[:MOST_CLASSES]),
        of=len(largest),
        confusions=tuple(Confusion(target=t, answer=a, rows=n) for (t, a), n in wrong.most_common(MOST_CONFUSIONS)),
    )


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
