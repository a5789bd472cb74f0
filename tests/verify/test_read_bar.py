"""What a Run says of one bar: a score that is missing counts against whatever would be concluded."""

from __future__ import annotations

import pytest

from rung.types import Answer, Bar, Example, Row, Run, Score, Task
from rung.verify.reading import Reading, read_bar
from rung.verify.stats.bounds import clopper_pearson

BAR = Bar(scorer="exact", at_least=0.8)


def read(bar: Bar, found: Run) -> Reading:
    rows = [Example(id=row.example, messages=(), target="a", group=row.group, split="dev") for row in found.rows]
    return read_bar(Task(name="t", base="b", instruction="", examples=tuple(rows), quality=bar), bar, found, 0.05)


def run(right: int, wrong: int, missing: int) -> Run:
    values = [1.0] * right + [0.0] * wrong + [None] * missing
    rows = [
        Row(example=str(n), group=str(n), answer=Answer(text=""), scores={"quality": Score(value=v)}) for n, v in enumerate(values)
    ]
    return Run(candidate="c", task="t", split="dev", rows=tuple(rows))


@pytest.mark.parametrize(
    ("counts", "status"),
    [((95, 5, 0), "pass"), ((95, 0, 5), "pass"), ((60, 40, 0), "fail"), ((60, 5, 35), "undecided"), ((0, 0, 9), "undecided")],
)
def test_missing_scores_count_as_wrong_towards_a_pass_and_as_right_towards_a_fail(counts, status):
    right, wrong, missing = counts
    said = read(BAR, run(*counts))
    assert (said.n, said.missing, said.status) == (sum(counts), missing, status)
    if right:
        assert said.estimate == right / (right + wrong)
        assert said.lower == clopper_pearson(right, sum(counts), 0.05)[0]
        assert said.upper == clopper_pearson(right + missing, sum(counts), 0.05)[1]


def test_a_relative_bar_is_not_decided_here():
    assert read(Bar(scorer="exact", better_than="champion"), run(9, 1, 0)).status is None
