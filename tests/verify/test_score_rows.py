from __future__ import annotations

import pytest

from rung.types import Answer, Bar, Candidate, Example, Task
from rung.verify.run import make_run, score_rows

ROWS = tuple(
    Example(id=name, messages=({"role": "user", "content": name},), target=name, group=f"group {name}", split="dev")
    for name in "abc"
)
TASK = Task(
    name="t",
    base="b",
    instruction="",
    examples=ROWS,
    quality=Bar(scorer="exact", at_least=0.5),
    guards=(Bar(scorer="regex", config={"pattern": "^.$"}, at_least=0.5, name="short"),),
)


def test_each_row_has_a_score_for_every_bar() -> None:
    rows = score_rows(TASK, ROWS, [Answer(text="a"), Answer(text="x"), Answer(text="cc")])
    assert [(row.example, row.group, row.answer.text) for row in rows] == [
        ("a", "group a", "a"),
        ("b", "group b", "x"),
        ("c", "group c", "cc"),
    ]
    assert [row.scores["quality"].value for row in rows] == [1, 0, 0]
    assert [row.scores["short"].value for row in rows] == [1, 1, 0]


def test_run() -> None:
    candidate = Candidate(rung="r1_prompt", base="b")
    run = make_run(TASK, candidate, "dev", score_rows(TASK, ROWS, [Answer(text=name) for name in "abx"]))
    assert (run.candidate, run.task, run.split) == (candidate.id, TASK.digest, "dev")
    assert run.environment["seed"] == TASK.seed and run.environment["packages"]["torch"]
    assert run.mean() == pytest.approx(2 / 3)


def test_as_many_answers_as_rows() -> None:
    with pytest.raises(ValueError, match="shorter"):
        score_rows(TASK, ROWS, [Answer(text="a")])
