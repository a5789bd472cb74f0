from __future__ import annotations

from dataclasses import replace

import pytest

from rung.types import Answer, Bar, Candidate, Example, Task
from rung.verify.missing import ended_by_limit, remarks
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


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Answer(text="", finish_reason="length"), "it was cut off by the limit before it said anything"),
        (Answer(text="<think>a", finish_reason="length"), "it was cut off by the limit before it said anything"),
        (Answer(text="a", finish_reason="content_filter"), "it was withheld by a filter"),
        (Answer(text="", finish_reason="error", fault="HTTP 500"), "it never came: the server failed (HTTP 500)"),
        (
            Answer(text="", finish_reason="silent", fault="the server sent no text"),
            "it came without a text (the server sent no text)",
        ),
    ],
)
def test_an_answer_that_is_none_is_missing(said: Answer, reason: str) -> None:
    [row] = score_rows(TASK, ROWS[:1], [said])
    assert {(score.value, score.reason) for score in row.scores.values()} == {(None, f"no answer: {reason}")}


@pytest.mark.parametrize("said", [Answer(text=""), Answer(text="<think>a</think>"), Answer(text="x", finish_reason="length")])
def test_an_answer_that_says_nothing_right_is_wrong(said: Answer) -> None:
    assert score_rows(TASK, ROWS[:1], [said])[0].scores["quality"].value == 0


def test_a_server_may_say_nothing_where_nothing_is_right() -> None:
    silent = Answer(text="", finish_reason="silent", fault="the server sent no text")
    rows = [replace(ROWS[0], target=""), ROWS[1], replace(ROWS[2], target=None)]
    assert [row.scores["quality"].value for row in score_rows(TASK, rows, [silent] * 3)] == [1, None, None]


def test_how_many_answers_are_none_and_why() -> None:
    cut, held = Answer(text="", finish_reason="length", completion_tokens=9), Answer(text="", finish_reason="content_filter")
    silent = Answer(text="", finish_reason="silent", fault="the server sent no text")
    raised = "raise `max_tokens` of the rung that prompts (`rungs` in the task file)"
    assert remarks([cut] * 12 + [held] + [Answer(text="<think>a"), Answer(text="b")]) == (
        "12 answers were cut off by the limit before they said anything",
        "1 answer was withheld by a filter",
        f"the limit ended 12 of 15 answers at 9 tokens: {raised}",
        "1 answer is a thought without an answer (6.7%)",
    )
    assert remarks([silent] * 3) == ("3 answers came without a text",)
    assert remarks([Answer(text="b")]) == remarks([]) == ()


def test_a_limit_that_ended_many_answers_is_told_with_the_setting_to_raise() -> None:
    short, whole = Answer(text="half a", finish_reason="length"), Answer(text="b")
    raised = "raise `max_tokens` of the rung that prompts (`rungs` in the task file)"
    assert remarks([short] * 4) == (f"the limit ended every answer: {raised}",)
    assert ended_by_limit([short]) == [f"the limit ended the answer: {raised}"]
    assert remarks([short, *[whole] * 9]) == (f"the limit ended 1 of 10 answers: {raised}",)
    assert remarks([short, *[whole] * 19]) == ()
