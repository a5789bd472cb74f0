"""What each kind of near miss makes of a target, and of which targets it makes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.types import Bar, Example
from rung.verify.near_misses.kinds import KIND_NAMES, NEAR_MISSES, REWORDINGS
from rung.verify.near_misses.material import Materials
from rung.verify.scoring import bind

TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}},
}
OTHER = {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}}


def row(target: Any, number: int = 0, tools: tuple[Any, ...] = ()) -> Example:
    return Example(id=str(number), messages=({"role": "user", "content": f"ask {number}"},), target=target, tools=tools)


def made(kind: str, target: Any, *others: Any, scorer: str = "exact", tools: tuple[Any, ...] = (), **settings: Any) -> list[str]:
    rows = [row(value, number, tools) for number, value in enumerate([target, *others])]
    bound = bind(Bar(scorer=scorer, config=settings)).settle(rows, Path())
    given = Materials.of(bound, rows, seed=0).material(rows[0])
    return list(next(one for one in (*NEAR_MISSES, *REWORDINGS) if one.name == kind).make(given))


@pytest.mark.parametrize(
    ("kind", "target", "wanted"),
    [
        ("zeros dropped", "00501", ["501"]),
        ("zeros dropped", "AB-0042", ["AB-42"]),
        ("zeros dropped", "501", []),
        ("zeros dropped", "0.50", []),
        ("zeros dropped", "05.03.2024", []),
        ("sign dropped", "-5", ["5"]),
        ("sign dropped", "−12.5 °C", ["12.5 °C"]),
        ("sign dropped", "(310)", ["310"]),
        ("sign dropped", "5", []),
        ("sign added", "5", ["-5"]),
        ("sign added", "0", []),
        ("sign added", "00501", []),
        ("decimal point moved", "12.5", ["125", "1.25"]),
        ("decimal point moved", "1,250", ["12500", "125"]),
        ("decimal point moved", "0", []),
        ("decimal point moved", "2024-03-05", []),
        ("unit changed", "310 g", ["310 kg"]),
        ("unit changed", "$1,250.00", ["€1,250.00"]),
        ("unit changed", "3 hours", ["3 minutes"]),
        ("unit changed", "310", []),
        ("day and month swapped", "2024-03-05", ["2024-05-03"]),
        ("day and month swapped", "2024-03-05T10:00", ["2024-05-03T10:00"]),
        ("day and month swapped", "3/4/2024", ["4/3/2024"]),
        ("day and month swapped", "2024-03-03", []),
        ("day and month swapped", "2024-03-25", []),
        ("time changed", "2026-01-05T15:30", ["2026-01-05T15:31", "2026-01-05T03:30"]),
        ("time changed", "8:00", ["8:01", "20:00"]),
        ("time changed", "ratio 1:100", []),
        ("negation", "positive", ["not positive", "It is not positive."]),
        ("negation", "501", []),
        ("negation", "the gate opens at nine on all days", []),
        ("item dropped", "red", []),
        ("field missing", "red", []),
        ("argument missing", "red", []),
        ("case", "Red", ["rED"]),
        ("case", "501", []),
        ("code fence", "red", ["```\nred\n```"]),
    ],
)
def test_a_text(kind: str, target: str, wanted: list[str]) -> None:
    assert made(kind, target) == wanted


def test_the_first_a_middle_and_the_last_digit_change() -> None:
    changed = made("digit changed", "1234-5678")
    assert len(changed) == 3
    assert {tuple(a == b for a, b in zip(text, "1234-5678", strict=True)).index(False) for text in changed} == {0, 5, 8}
    assert made("digit changed", "none") == []
    assert all(len(text) == 5 and text[0] != "0" for text in made("digit changed", "10010"))


def test_digits_that_no_fraction_keeps_stay() -> None:
    assert all(abs(float(text) - 0.30000000000000004) > 1e-9 for text in made("digit changed", "0.30000000000000004"))


def test_items_of_a_list() -> None:
    assert made("item dropped", ["a", "b"], scorer="contains", match="all") in (["a"], ["b"])
    assert made("item added", ["a", "b"], ["a", "c"], scorer="contains", match="all") == ["a, b, c"]
    assert made("items reordered", ["a", "b", "c"], scorer="contains", match="all") == ["c, b, a"]
    assert made("items reordered", ["a"], scorer="contains", match="all") == []


def test_what_is_right_by_another_item_of_the_list_is_no_near_miss() -> None:
    assert "6" not in made("digit changed", [str(number) for number in range(10)], match="any")


def test_fields_of_an_object() -> None:
    target, other = {"a": "x", "b": None}, {"a": "y", "b": "z"}

    def objects(kind: str) -> list[Any]:
        return [json.loads(text) for text in made(kind, target, other, scorer="json_fields")]

    assert objects("field missing") == [{"b": None}]
    assert objects("field filled in") == [{"a": "x", "b": "z"}]
    assert objects("field invented")[0].keys() - target.keys()
    assert all(value["a"] != "x" and value["b"] is None for value in objects("field changed"))
    assert objects("field changed")


def test_an_object_in_a_text_is_an_object() -> None:
    assert [json.loads(text) for text in made("field missing", '{"a": "x"}', '{"a": "y"}', scorer="json_fields")] == [{}]


def test_calls() -> None:
    target = [{"name": "f", "arguments": {"a": 1}}]

    def calls(kind: str, target: Any = target) -> list[Any]:
        return [
            json.loads(text) if text.startswith(("{", "[")) else text
            for text in made(kind, target, [{"name": "f", "arguments": {"a": 2}}], scorer="tool_call", tools=(TOOL, OTHER))
        ]

    assert calls("argument missing") == [{"name": "f", "arguments": {}}]
    assert calls("other function") == [{"name": "g", "arguments": {"a": 1}}]
    assert calls("call too many")[0] == [*target, {"name": "g", "arguments": {}}]
    assert calls("call too many", [])
    assert calls("no call")[0] == []
    assert calls("no call", []) == []
    assert calls("field missing") == []
    assert all(call["arguments"]["a"] != 1 for call in calls("argument changed"))


def test_where_no_call_is_right_whatever_makes_none_is() -> None:
    for kind in ("refusal", "empty answer", "question echoed", "only a thought", "no call"):
        assert made(kind, [], [{"name": "f", "arguments": {"a": 2}}], scorer="tool_call", tools=(TOOL,)) == []


def test_a_value_that_a_call_allows_is_no_near_miss() -> None:
    allowed = {"a": list(range(-20, 200))}
    target = [{"name": "f", "arguments": {"a": 1}, "allowed": allowed}]
    assert made("digit changed", target, [{"name": "f", "arguments": {"a": 2}}], scorer="tool_call", tools=(TOOL,)) == []


def test_labels() -> None:
    others = ["spam", "not spam", "spam", "not spam"]
    assert made("other label", "spam", *others, scorer="choice") == ["not spam"]
    assert made("label inside another", "spam", *others, scorer="choice") == ["not spam"]
    assert made("all choices named", "spam", *others, scorer="choice")[0] == "not spam, spam"
    assert made("label inside a word", "spam", *others, scorer="choice") == ["spamxq"]
    assert made("all choices named", "one of a kind", "another", "a third") == []


def test_the_question_is_no_near_miss_where_it_is_the_answer() -> None:
    assert made("question echoed", "red") == ["ask 0"]
    assert made("question echoed", "ask 0") == []


def test_every_kind_has_a_name_of_its_own_and_says_what_it_is() -> None:
    assert len(set(KIND_NAMES)) == len(KIND_NAMES)
    assert all(kind.told for kind in (*NEAR_MISSES, *REWORDINGS))
