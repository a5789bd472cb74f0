"""tool_call: written by hand in the form of the Berkeley benchmark's rows; its own rows are not in this repository."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from scorer_rows import row, scorer

from rung.parts import CallConstraint
from rung.types import Example


def tool(name: str, required: list[str], **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


BOOK = tool(
    "hotel.book",
    ["city", "nights"],
    city={"type": "string"},
    nights={"type": "integer"},
    price={"type": "number"},
    breakfast={"type": "boolean"},
    guests={"type": "array", "items": {"type": "string"}},
    room={"type": "object", "properties": {"beds": {"type": "integer"}, "view": {"type": "string"}}},
)
WEATHER = tool("weather", ["place"], place={"type": "string"}, unit={"type": "string"})
TARGET = {
    "name": "hotel.book",
    "arguments": {"city": "New York", "nights": 2, "price": 99.0, "guests": ["Ann Lee"], "room": {"beds": 2}},
    "allowed": {
        "city": ["New York", "New York City, NY"],
        "nights": [2],
        "price": [99.0, ""],
        "breakfast": ["", False],
        "guests": [["Ann Lee"], ["Ann"]],
        "room": [{"beds": [2, 3], "view": ["", "sea"]}],
    },
}


def booking(**change: Any) -> str:
    arguments = {**TARGET["arguments"], **change}  # type: ignore[dict-item]
    return json.dumps({"name": "hotel.book", "arguments": {k: v for k, v in arguments.items() if v != "drop"}})


def asked(*calls: dict[str, Any]) -> Example:
    return row(list(calls), tools=(BOOK, WEATHER))


def score(example: Example, output: str) -> tuple[float | None, str]:
    found = scorer("tool_call").score(example, output)
    return found.value, found.reason


class TestOneCall:
    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"city": "new-york"},
            {"city": "New York City NY"},
            {"price": 99},
            {"price": "drop"},
            {"breakfast": False},
            {"guests": ["ann lee"]},
            {"guests": ["Ann"]},
            {"room": {"beds": 3, "view": "Sea"}},
        ],
    )
    def test_right(self, change: dict[str, Any]) -> None:
        assert score(asked(TARGET), booking(**change)) == (1.0, "")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"city": "Boston"}, "hotel.book: 'city' is 'Boston', expected 'New York' or 'New York City, NY'"),
            ({"city": "drop"}, "hotel.book: the required argument 'city' is missing"),
            ({"nights": "2"}, "hotel.book: 'nights' is '2', expected 2"),
            ({"nights": 2.0}, "hotel.book: 'nights' is 2.0, expected 2"),
            ({"breakfast": True}, "hotel.book: 'breakfast' is True, expected '' or False"),
            ({"breakfast": 0}, "hotel.book: 'breakfast' is 0, expected '' or False"),
            ({"guests": "drop"}, "hotel.book: the argument 'guests' is missing"),
            ({"guests": ["Ann", "Lee"]}, "hotel.book: 'guests' is ['Ann', 'Lee'], expected ['Ann Lee'] or ['Ann']"),
            ({"stars": 5}, "hotel.book: there is no argument 'stars'"),
        ],
    )
    def test_wrong(self, change: dict[str, Any], reason: str) -> None:
        assert score(asked(TARGET), booking(**change)) == (0.0, reason)

    @pytest.mark.parametrize("room", [{"beds": 4}, {"view": "sea"}, {"beds": 2, "floor": 1}, {"beds": True}, {}, [2]])
    def test_wrong_inside_an_object(self, room: Any) -> None:
        assert score(asked(TARGET), booking(room=room))[0] == 0.0

    def test_wrong_function(self) -> None:
        output = '{"name": "weather", "arguments": {"place": "New York"}}'
        assert score(asked(TARGET), output) == (0.0, "calls weather, expected hotel.book")

    def test_an_argument_that_is_not_wanted(self) -> None:
        wanted = {"name": "weather", "arguments": {"place": "Rome"}}
        output = '{"name": "weather", "arguments": {"place": "Rome", "unit": "C"}}'
        assert score(asked(wanted), output) == (0.0, "weather: the argument 'unit' is not wanted")

    def test_names_with_dots_may_have_underscores(self) -> None:
        assert score(asked(TARGET), booking().replace("hotel.book", "hotel_book"))[0] == 1.0

    def test_without_allowed_a_list_in_an_object_is_a_value(self) -> None:
        wanted = {"name": "f", "arguments": {"filter": {"tags": ["a", "b"]}}}
        example = row([wanted])
        assert score(example, '{"name": "f", "arguments": {"filter": {"tags": ["a", "b"]}}}')[0] == 1.0
        assert score(example, '{"name": "f", "arguments": {"filter": {"tags": "a"}}}')[0] == 0.0


class TestForms:
    CALL = '{"name": "weather", "arguments": {"place": "Rome"}}'
    WANTED: ClassVar = {"name": "weather", "arguments": {"place": "Rome"}}

    @pytest.mark.parametrize(
        "output",
        [
            CALL,
            f"[{CALL}]",
            f"Sure.\n```json\n{CALL}\n```\nDone {{ok}}.",
            f"<tool_call>\n{CALL}\n</tool_call>",
            '{"name": "weather", "parameters": {"place": "Rome"}}',
            '{"type": "function", "function": {"name": "weather", "arguments": "{\\"place\\": \\"Rome\\"}"}}',
            '{"tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": {"place": "Rome"}}}]}',
        ],
    )
    def test_forms_of_an_answer(self, output: str) -> None:
        assert score(asked(self.WANTED), output) == (1.0, "")

    @pytest.mark.parametrize(
        "target", [WANTED, [WANTED], json.dumps(WANTED), json.dumps([WANTED]), {"tool_calls": [{"function": WANTED}]}]
    )
    def test_forms_of_a_target(self, target: Any) -> None:
        example = row(target, tools=(WEATHER,))
        assert scorer("tool_call").check(example) is None
        assert scorer("tool_call").render(target) == '{"name":"weather","arguments":{"place":"Rome"}}'
        assert score(example, self.CALL)[0] == 1.0

    def test_a_call_that_is_broken_off(self) -> None:
        reason = "the call cannot be read: it is not whole JSON"
        assert score(asked(self.WANTED), self.CALL[:-3]) == (0.0, reason)
        assert score(asked(), self.CALL[:-3]) == (0.0, reason)


class TestSeveralAndNone:
    ROME: ClassVar = {"name": "weather", "arguments": {"place": "Rome"}}
    OSLO: ClassVar = {"name": "weather", "arguments": {"place": "Oslo"}}

    def test_any_order(self) -> None:
        example = asked(self.ROME, self.OSLO)
        assert scorer("tool_call").render(example.target).startswith('[{"name":"weather"')
        assert score(example, json.dumps([self.OSLO, self.ROME]))[0] == 1.0
        assert score(example, f"{json.dumps(self.OSLO)}\n{json.dumps(self.ROME)}")[0] == 1.0

    def test_each_wanted_call_counts_once(self) -> None:
        reason = "weather: no wanted call is left that this one could be"
        assert score(asked(self.ROME, self.OSLO), json.dumps([self.ROME, self.ROME])) == (0.0, reason)
        assert score(asked(self.ROME, self.OSLO), json.dumps(self.ROME)) == (0.0, "one call, expected 2 calls")
        assert score(asked(self.ROME), json.dumps([self.ROME, self.ROME])) == (0.0, "2 calls, expected one call")

    def test_pairing_is_the_best_one(self) -> None:
        either = {**self.ROME, "allowed": {"place": ["Rome", "Oslo"]}}
        assert score(asked(either, self.ROME), json.dumps([self.ROME, self.OSLO]))[0] == 1.0
        assert score(asked(either, self.ROME), json.dumps([self.OSLO, self.ROME]))[0] == 1.0

    @pytest.mark.parametrize("output", ["no call", "I cannot do that.", "[]", "{}", "", '{"place": "Rome"}'])
    def test_no_call_is_right(self, output: str) -> None:
        assert score(asked(), output) == (1.0, "")

    def test_a_call_where_none_is_right(self) -> None:
        assert score(asked(), json.dumps(self.ROME)) == (0.0, "one call, expected no call")
        assert score(asked(self.ROME), "no call") == (0.0, "no call, expected one call")

    def test_hooks(self) -> None:
        bound = scorer("tool_call")
        assert bound.render([]) == "no call"
        backwards = {"name": "hotel.book", "arguments": {"room": {"view": "sea", "beds": 2}, "nights": 2, "city": "Oslo"}}
        ideal = '{"name":"hotel.book","arguments":{"city":"Oslo","nights":2,"room":{"beds":2,"view":"sea"}}}'
        assert bound.ideal(asked(backwards)) == ideal
        assert bound.constraint([asked(self.ROME)]) == CallConstraint()
        assert bound.constraint([row([self.ROME])]) is None
        told = bound.describe([asked(self.ROME), asked(), asked(self.ROME, self.OSLO)])
        assert told.endswith("Write several calls as a JSON list. Where no function fits, reply: no call")
        assert "several" not in bound.describe([asked(self.ROME)])


class TestTargets:
    @pytest.mark.parametrize(
        ("target", "fault"),
        [
            ({"name": "fly", "arguments": {}}, "the target calls 'fly', which is not one of the row's tools"),
            ("{broken", "the target is not a function call: '{broken'"),
            ({"a": 1}, "the target is not a function call: '{\"a\":1}'"),
            (
                {"name": "weather", "arguments": {}},
                "the target would not be scored as right itself: weather: the required argument 'place' is missing",
            ),
            (
                {"name": "weather", "arguments": {"place": "Rome"}, "allowed": {"place": ["Oslo"]}},
                "the target would not be scored as right itself: weather: 'place' is 'Rome', expected 'Oslo'",
            ),
        ],
    )
    def test_faults(self, target: Any, fault: str) -> None:
        assert scorer("tool_call").check(row(target, tools=(WEATHER,))) == fault

    def test_prose_means_no_call(self) -> None:
        example = row("I can only help with hotels.", tools=(WEATHER,))
        assert scorer("tool_call").check(example) is None
        assert score(example, "no call")[0] == 1.0
