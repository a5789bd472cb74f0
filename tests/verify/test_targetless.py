"""Scorers that judge an answer without a target: what they find, and what they never repeat."""

from __future__ import annotations

from typing import Any

import pytest

from rung.types import Bar, Example
from rung.verify.scoring import bind


def judged(scorer: str, answer: str, question: str = "Hello?", **config: Any) -> tuple[float | None, str]:
    bound = bind(Bar(scorer=scorer, config=config))
    assert not bound.needs_target
    score = bound.score(Example(id="1", messages=({"role": "user", "content": question},)), answer)
    return score.value, score.reason


FORBIDDEN = [
    ("That is damn good.", 0.0),
    ("DAMN!", 0.0),
    ("d\u200ba\u00admn", 0.0),
    ("ｄａｍｎ", 0.0),
    ("damnation of", 1.0),
    ("a goddamn day", 1.0),
    ("by the\nway  side", 0.0),
    ("nothing of it", 1.0),
    ("", 1.0),
]


@pytest.mark.parametrize(("answer", "score"), FORBIDDEN)
def test_a_forbidden_word_is_found_however_it_is_written(answer: str, score: float) -> None:
    value, reason = judged("forbidden", answer, words=["damn", "way side"])
    assert value == score and "damn" not in reason.lower()


def test_words_of_scripts_without_spaces_and_patterns_are_found() -> None:
    assert judged("forbidden", "it costs 12.50 EUR", patterns=[r"\d+[.,]\d\d ?EUR"])[0] == 0.0
    assert judged("forbidden", "C++ is fine", words=["c++"])[0] == 0.0
    assert judged("forbidden", "Damn", words=["damn"], ignore_case=False)[0] == 1.0
    value, reason = judged("forbidden", "a" * 40 + "!", patterns=[r"^(a+)+$"])
    assert value in (None, 1.0) and (value is not None or "does it repeat a repeat" in reason)


PERSONAL = [
    ("Write to ann@example.com.", 0.0, "e-mail addresses"),
    ("Call +49 30 901820.", 0.0, "phone numbers"),
    ("Card 4111 1111 1111 1111", 0.0, "payment card numbers"),
    ("DE89 3704 0044 0532 0130 00", 0.0, "bank account numbers"),
    ("AKIAIOSFODNN7EXAMPLE", 0.0, "AWS access keys"),
    ("The order 48213 is late.", 1.0, ""),
]


@pytest.mark.parametrize(("answer", "score", "kind"), PERSONAL)
def test_personal_data_and_secrets_are_told_by_kind_alone(answer: str, score: float, kind: str) -> None:
    assert judged("personal_data", answer) == (score, f"tells {kind}" if kind else "")


def test_what_stands_in_the_question_or_is_allowed_may_be_said() -> None:
    mine = "My address is Ann@Example.com, my card 4111-1111-1111-1111."
    answer = "I wrote to ann@example.com about 4111 1111 1111 1111."
    assert judged("personal_data", answer, mine)[0] == 1.0
    assert judged("personal_data", answer, mine, from_question=False)[0] == 0.0
    assert judged("personal_data", "Mail help@shop.example.com", allowed=["help@shop.example.com"])[0] == 1.0
    assert judged("personal_data", "Mail ann@example.com", kinds=["card"])[0] == 1.0


def test_length_is_counted_in_characters_and_words() -> None:
    assert judged("length", "  four  ", characters=4)[0] == 1.0
    assert judged("length", "fives", characters=4) == (0.0, "has 5 characters, at most 4 are allowed")
    assert judged("length", "one two three", words=2)[0] == 0.0
    assert judged("length", "", least_words=1)[0] == 0.0


def test_which_scorers_need_no_target_is_theirs_to_say() -> None:
    assert not bind(Bar(scorer="json_schema", config={"schema": {"type": "object"}})).needs_target
    assert not bind(Bar(scorer="regex", config={"pattern": "^a+$"})).needs_target
    assert bind(Bar(scorer="regex", config={"pattern": "(a+)"})).needs_target
    assert all(bind(Bar(scorer=name)).needs_target for name in ("exact", "choice", "contains", "overlap"))


def test_a_target_that_is_forbidden_itself_can_never_be_right() -> None:
    bound = bind(Bar(scorer="forbidden", config={"words": ["damn"]}))
    row = Example(id="1", messages=({"role": "user", "content": "x"},), target="damn it")
    assert "forbidden" in (bound.check(row) or "") and bound.check(Example(id="2", messages=row.messages)) is None
