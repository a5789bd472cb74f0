"""strings: bfcl. The rules of the Berkeley function-calling benchmark's own checker (ast_checker.py), one after the other.

Each has a row made up for it, and what the checker says of a call stands beside it. On 14,106 answers derived from the benchmark's
own rows of 2026.3.23 the two agreed but for one text under a schema of any type (see rung.verify.calls).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.data.calls import as_calls, as_tools
from rung.types import Example
from rung.verify.scorers import tool_call

BFCL = tool_call.Config(strings="bfcl")
FLIGHT = {
    "name": "air.book",
    "description": "Books a flight.",
    "parameters": {
        "type": "dict",
        "properties": {
            "to": {"type": "string", "description": "City"},
            "seats": {"type": "integer"},
            "budget": {"type": "float"},
            "refund": {"type": "boolean"},
            "stops": {"type": "array", "items": {"type": "string"}},
            "limits": {"type": "tuple", "items": {"type": "float"}},
            "bag": {"type": "dict", "properties": {"kg": {"type": "integer"}, "kind": {"type": "string"}}},
            "legs": {"type": "array", "items": {"type": "dict", "properties": {"by": {"type": "string"}}}},
        },
        "required": ["to", "seats"],
    },
}
RIGHT = {"to": ["Rome", "Rome, Italy"], "seats": [2]}


def valid(answer: dict[str, Any] | list[dict[str, Any]], key: dict[str, Any] | list[dict[str, Any]]) -> bool:
    """Whether calls, each {function: arguments} as the benchmark writes them, are right by an answer key of the same form."""
    tools = as_tools([FLIGHT, {"name": "now", "parameters": {"type": "dict", "properties": {}, "required": []}}])
    row = Example(id="1", messages=(), target=as_calls(key, tools), tools=tools)
    calls = answer if isinstance(answer, list) else [answer]
    text = json.dumps([{"name": name, "arguments": arguments} for call in calls for name, arguments in call.items()])
    assert tool_call.score(row, tool_call.ideal(row, BFCL), BFCL).value == 1.0
    return tool_call.score(row, text, BFCL).value == 1.0


@pytest.mark.parametrize(
    ("given", "right"),
    [
        # simple_function_checker: the name, what is required, what is unknown
        ({}, True),
        ({"seats": None}, False),
        ({"class": "first"}, False),
        ({"budget": 100.0}, False),  # known to the schema, but not in the key: "unexpected parameter"
        # type_checker: a whole number for a float is taken, not the other way round, nor a text for a number
        ({"seats": 2.0}, False),
        ({"seats": "2"}, False),
        ({"seats": True}, False),
        ({"to": ["Rome"]}, False),
        # string_checker: standardize_string drops spaces and ,./-_*^ and case, and turns ' to "
        ({"to": "rome"}, True),
        ({"to": "ROME ITALY"}, True),
        ({"to": "rome-italy."}, True),
        ({"to": "Rome; Italy"}, False),
        ({"to": "Roma"}, False),
    ],
)
def test_one_call(given: dict[str, Any], right: bool) -> None:
    arguments: dict[str, Any] = {"to": "Rome", "seats": 2} | given
    assert valid({"air.book": arguments}, {"air.book": RIGHT}) is right


@pytest.mark.parametrize(
    ("name", "key", "given", "right"),
    [
        ("budget", [99.5], 99.5, True),
        ("budget", [100.0], 100, True),
        ("budget", [100.0], "100", False),
        ("refund", [True], True, True),
        ("refund", [True], "true", False),
        ("refund", [False], 0, False),
        # optional: "" in the key says that it may be left out, and is no value of its own but for texts
        ("refund", [False, ""], None, True),
        ("refund", [False], None, False),
        ("refund", [False, ""], "", False),
        # list_checker: item by item in order, texts standardized
        ("stops", [["Oslo", "Bern"]], ["oslo", "bern"], True),
        ("stops", [["Oslo", "Bern"]], ["Bern", "Oslo"], False),
        ("stops", [["Oslo", "Bern"], ["Bern", "Oslo"]], ["Bern", "Oslo"], True),
        ("stops", [["Oslo", "Bern"]], ["Oslo"], False),
        ("stops", [["Oslo"]], "Oslo", False),
        ("stops", [[]], [], True),
        ("limits", [[1.5, 2.0]], [1.5, 2], True),
        ("limits", [[1.5, 2.0]], [2, 1.5], False),
        # dict_checker: every key known, each value one of its own, a key left out where "" is among them
        ("bag", [{"kg": [20, 23], "kind": ["Trolley"]}], {"kg": 23, "kind": "trolley"}, True),
        ("bag", [{"kg": [20, 23], "kind": ["Trolley"]}], {"kg": 24, "kind": "trolley"}, False),
        ("bag", [{"kg": [20], "kind": ["Trolley", ""]}], {"kg": 20}, True),
        ("bag", [{"kg": [20], "kind": ["Trolley"]}], {"kg": 20}, False),
        ("bag", [{"kg": [20]}], {"kg": 20, "kind": "Trolley"}, False),
        # list_dict_checker: as many, each as dict_checker has it, in order
        ("legs", [[{"by": ["Train", "Rail"]}, {"by": ["Bus"]}]], [{"by": "rail"}, {"by": "bus"}], True),
        ("legs", [[{"by": ["Train"]}, {"by": ["Bus"]}]], [{"by": "Bus"}, {"by": "Train"}], False),
        ("legs", [[{"by": ["Train"]}, {"by": ["Bus"]}]], [{"by": "Train"}], False),
    ],
)
def test_values(name: str, key: list[Any], given: Any, right: bool) -> None:
    arguments = {"to": "Rome", "seats": 2} | ({} if given is None else {name: given})
    assert valid({"air.book": arguments}, {"air.book": {**RIGHT, name: key}}) is right


ROME, OSLO = ({"air.book": {"to": city, "seats": 2}} for city in ("Rome", "Oslo"))
TO_ROME, TO_OSLO = ({"air.book": {"to": [city], "seats": [2]}} for city in ("Rome", "Oslo"))


@pytest.mark.parametrize(
    ("answer", "key", "right"),
    [
        # parallel_function_checker_no_order: as many calls, each matched with one
        ([ROME, OSLO], [TO_ROME, TO_OSLO], True),
        ([OSLO, ROME], [TO_ROME, TO_OSLO], True),
        ([ROME, ROME], [TO_ROME, TO_OSLO], False),
        ([ROME], [TO_ROME, TO_OSLO], False),
        ([ROME, OSLO], [TO_ROME], False),
        # multiple_function_checker: the right one of several functions
        ([{"now": {}}], [{"now": {}}], True),
        ([{"now": {}}], [TO_ROME], False),
        # convert_func_name: OpenAI's names have no dots
        ([{"air_book": {"to": "Rome", "seats": 2}}], [TO_ROME], True),
        # relevance: no call is right
        ([], [], True),
        ([ROME], [], False),
    ],
)
def test_several_calls_and_none(answer: list[dict[str, Any]], key: list[dict[str, Any]], right: bool) -> None:
    assert valid(answer, key) is right
