"""tool_call: written by hand in the form of the Berkeley benchmark's rows; its own rows are not in this repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from scorer_rows import row, scorer

from rung.calls import FORM
from rung.engine.answer import resolve_constraint
from rung.parts import CallConstraint, SchemaConstraint
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


def score(example: Example, output: str, **config: Any) -> tuple[float | None, str]:
    found = scorer("tool_call", **config).score(example, output)
    return found.value, found.reason


class TestOneCall:
    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"city": " New York "},
            {"price": 99},
            {"price": "drop"},
            {"breakfast": False},
            {"guests": ["Ann"]},
            {"room": {"beds": 3, "view": "sea"}},
        ],
    )
    def test_right(self, change: dict[str, Any]) -> None:
        assert score(asked(TARGET), booking(**change)) == (1.0, "")
        assert score(asked(TARGET), booking(**change), strings="bfcl") == (1.0, "")

    @pytest.mark.parametrize(
        "change",
        [{"city": "new-york"}, {"city": "New York City NY"}, {"guests": ["ann lee"]}, {"room": {"beds": 3, "view": "Sea"}}],
    )
    def test_right_to_the_benchmark_alone(self, change: dict[str, Any]) -> None:
        assert score(asked(TARGET), booking(**change))[0] == 0.0
        assert score(asked(TARGET), booking(**change), strings="bfcl") == (1.0, "")

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

    @pytest.mark.parametrize(
        "output", ["no call", "I cannot do that.", "[]", "{}", '{"place": "Rome"}', "Take [the A4], then {turn}"]
    )
    def test_no_call_is_right(self, output: str) -> None:
        assert score(asked(), output) == (1.0, "")

    def test_a_call_where_none_is_right(self) -> None:
        assert score(asked(), json.dumps(self.ROME)) == (0.0, "one call, expected no call")
        assert score(asked(self.ROME), "no call") == (0.0, "no call, expected one call")

    @pytest.mark.parametrize(
        "output",
        [
            '<function=weather>{"place": "Rome"}</function>',
            "<tool_call>\n<function=weather>\n<parameter=place>\nRome\n</parameter>\n</function>\n</tool_call>",
            '<|python_tag|>weather.call(place="Rome")',
            '[TOOL_CALLS]weather{"place": "Rome"}',
            "{'name': 'weather', 'arguments': {'place': 'Rome'}}",
            '[weather(place="Rome")]',
            'Sure: weather(place="Rome")',
            'weather({"place": "Rome"})',
            '{"weather": {"place": "Rome"}}',
            "name: weather\narguments:\n  place: Rome",
            'Action: weather\nAction Input: {"place": "Rome"}',
            '<invoke name="weather"><parameter name="place">Rome</parameter></invoke>',
            '{"arguments": {"place": "Rome"}, "name": "weather"',
        ],
    )
    def test_a_call_in_a_form_that_cannot_be_read_is_not_the_absence_of_one(self, output: str) -> None:
        assert score(asked(), output) == (0.0, "the call cannot be read: it is not whole JSON")
        assert score(asked(self.ROME), output)[0] == 0.0

    @pytest.mark.parametrize("output", ["", "  \n", "<think>There is no tool for this.</think>"])
    def test_nothing_said_is_no_answer_without_a_call(self, output: str) -> None:
        assert score(asked(), output) == (0.0, "the answer is empty")

    def test_a_call_that_was_only_thought_of_does_not_count(self) -> None:
        assert score(asked(), f"<think>{json.dumps(self.ROME)}</think>That is out of my hands.")[0] == 1.0
        assert score(asked(self.ROME), f"<think>{json.dumps(self.ROME)}</think>Done.")[0] == 0.0
        assert score(asked(self.ROME), f"<think>{json.dumps(self.OSLO)}</think>{json.dumps(self.ROME)}")[0] == 1.0

    def test_the_order_that_is_given(self) -> None:
        example = asked(self.ROME, self.OSLO)
        assert score(example, json.dumps([self.ROME, self.OSLO]), order="given") == (1.0, "")
        reason = "weather: 'place' is 'Oslo', expected 'Rome'"
        assert score(example, json.dumps([self.OSLO, self.ROME]), order="given") == (0.0, reason)
        assert scorer("tool_call", order="given").describe([example]).endswith("as a JSON list, in their order.")

    def test_a_tool_that_is_not_at_hand(self) -> None:
        assert score(asked(self.ROME), '{"name": "taxi", "arguments": {}}') == (
            0.0,
            "calls taxi, which is none of the tools, expected weather",
        )

    def test_hooks(self) -> None:
        bound = scorer("tool_call")
        assert bound.render([]) == "[]"
        backwards = {"name": "hotel.book", "arguments": {"room": {"view": "sea", "beds": 2}, "nights": 2, "city": "Oslo"}}
        ideal = '{"name":"hotel.book","arguments":{"city":"Oslo","nights":2,"room":{"beds":2,"view":"sea"}}}'
        assert bound.ideal(asked(backwards)) == ideal
        assert bound.constraint([asked(self.ROME)]) == CallConstraint()
        assert bound.constraint([row([self.ROME])]) is None
        told = bound.describe([asked(self.ROME), asked(), asked(self.ROME, self.OSLO)])
        assert told.endswith("Write several calls as a JSON list. Where no function fits, reply with the empty list: []")
        assert "several" not in bound.describe([asked(self.ROME)])


class TestConstraint:
    ROME: ClassVar = {"name": "weather", "arguments": {"place": "Rome"}}

    @pytest.mark.parametrize(
        ("counts", "held"),
        [
            ((1,), CallConstraint()),
            ((0, 1), CallConstraint(none=True)),
            ((1, 3), CallConstraint(several=True)),
            ((2, 3), CallConstraint(one=False, several=True)),
            ((0, 1, 2), CallConstraint(none=True, several=True)),
        ],
    )
    def test_it_admits_as_many_calls_as_the_targets_have(self, counts: tuple[int, ...], held: CallConstraint) -> None:
        rows = [asked(*[self.ROME] * count) for count in counts for _ in range(3)]
        assert scorer("tool_call").constraint(rows) == held
        settled = scorer("tool_call").settle(rows, Path())
        assert settled.constraint(rows[:3]) == held, "of all rows, not of those that are looked at"

    @pytest.mark.parametrize("count", [0, 1, 2, 5])
    def test_every_ideal_answer_can_be_written(self, count: int) -> None:
        import jsonschema

        rows = [asked(*[self.ROME] * number) for number in (0, 1, 2, 5)]
        held = resolve_constraint(scorer("tool_call").constraint(rows), (BOOK, WEATHER))
        assert isinstance(held, SchemaConstraint)
        jsonschema.validate(json.loads(scorer("tool_call").ideal(asked(*[self.ROME] * count))), dict(held.schema))
        one = resolve_constraint(scorer("tool_call").constraint(rows[1:2]), (BOOK, WEATHER))
        assert isinstance(one, SchemaConstraint)
        if count != 1:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(json.loads(scorer("tool_call").ideal(asked(*[self.ROME] * count))), dict(one.schema))

    def test_it_is_not_offered_where_it_could_not_write_what_is_right(self) -> None:
        unit = tool("weather", ["place"], place={"type": "string"}, unit={"type": "string", "enum": ["C", "F"]})
        sound = row([self.ROME], tools=(unit,))
        odd = row([{"name": "weather", "arguments": {"place": "Rome", "unit": "celsius"}}], tools=(unit,))
        assert scorer("tool_call").constraint([sound] * 10 + [odd]) is None
        assert scorer("tool_call").constraint([sound] * 99 + [odd]) == CallConstraint(), "one odd row changes nothing"
        assert list(scorer("tool_call").forbidden([sound] * 99 + [odd])) == [odd], "but it is told"
        assert not scorer("tool_call").forbidden([sound] * 10)


class TestTargets:
    @pytest.mark.parametrize(
        ("target", "fault"),
        [
            ({"name": "fly", "arguments": {}}, "the target calls 'fly', which is not one of the row's tools"),
            (
                "{broken",
                "the target was meant as a call and cannot be read (not JSON: Expecting property name enclosed in double quotes at "
                "column 2): '{broken'; " + FORM + ", or a list of them; [] says that none is right",
            ),
            ({"a": 1}, "the target is not a function call: '{\"a\":1}'; " + FORM),
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

    @pytest.mark.parametrize(
        ("target", "calls"),
        [
            ("weather(place='Rome')", [("weather", {"place": "Rome"})]),
            (
                '[weather(place="Rome"), weather(place="Oslo", unit="C")]',
                [("weather", {"place": "Rome"}), ("weather", {"place": "Oslo", "unit": "C"})],
            ),
            ("{'name': 'weather', 'arguments': {'place': 'Rome'}}", [("weather", {"place": "Rome"})]),
            ('<function=weather>{"place": "Rome"}</function>', [("weather", {"place": "Rome"})]),
            (
                'Let me look.\n<tool_call>{"name": "weather", "arguments": {"place": "Rome"}}</tool_call>',
                [("weather", {"place": "Rome"})],
            ),
            ('[{"weather": {"place": ["Rome", "Roma"]}}]', [("weather", {"place": "Rome"})]),
            ("[Note] I only know hotels (really).", []),
        ],
    )
    @pytest.mark.parametrize("tools", [(WEATHER,), ()])
    def test_a_target_in_another_form_is_read(self, target: str, calls: list[tuple[str, Any]], tools: tuple[Any, ...]) -> None:
        example = row(target, tools=tools)
        assert scorer("tool_call").check(example) is None
        answer = json.dumps([{"name": name, "arguments": arguments} for name, arguments in calls])
        assert score(example, answer) == (1.0, "")
        assert score(example, "no call")[0] == float(not calls)

    @pytest.mark.parametrize(
        "target",
        [
            '{"name": "weather", "arguments": {"place": "Ro',
            '[{"name": "weather", "arguments": {"place": "Rome"}}',
            "weather('Rome', unit=x)",
            "weather(place=here)",
            "<tool_call>\n<function=weather>\n<parameter=place>\nRome\n</parameter>\n</function>\n</tool_call>",
            '<functioncall> {"name": "weather", "arguments": \'{"place": "Rome"}\'}',
            "name: weather\narguments:\n  place: Rome",
            '[TOOL_CALLS]weather{"place": "Rome"}',
            'Weather API(place="Rome")',
            [{"name": "weather", "arguments": {"place": "Rome"}}, "and then?"],
            {"name": "weather", "arguments": "{"},
            7,
        ],
    )
    def test_a_target_that_was_meant_as_a_call_is_a_bad_row(self, target: Any) -> None:
        example = row(target, tools=(WEATHER, tool("Weather API", [], place={"type": "string"})))
        assert scorer("tool_call").check(example)
        assert score(example, "no call") == (None, "the target is not a function call")
