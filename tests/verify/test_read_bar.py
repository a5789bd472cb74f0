"""What a Run says of one bar: a score that is missing counts against whatever would be concluded."""

from __future__ import annotations

import pytest

from rung.types import Answer, Bar, Row, Run, Score
from rung.verify.judge import read_bar
from rung.verify.stats.bounds import clopper_pearson

BAR = Bar(scorer="exact", at_least=0.8)


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
    said = read_bar(BAR, run(*counts), 0.05)
    assert (said.n, said.missing, said.status) == (sum(counts), missing, status)
    if right:
        assert said.estimate == right / (right + wrong)
        assert said.lower == clopper_pearson(right, sum(counts), 0.05)[0]
        assert said.upper == clopper_pearson(right + missing, sum(counts), 0.05)[1]


def test_a_relative_bar_is_not_decided_here():
    assert read_bar(Bar(scorer="exact", better_than="champion"), run(9, 1, 0), 0.05).status is None
