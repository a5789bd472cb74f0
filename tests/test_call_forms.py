"""One reader of tool calls: rows, the tool loop and the scorer take the same for a call, form by form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from rung.calls import Call, NotCalls, calls_in, read_calls, sets_out_to_call
from rung.data.calls import as_calls, looks_like_calls
from rung.data.read.rows import RowError
from rung.engine.backend import Request
from rung.engine.tools.toolbox import Toolbox
from rung.parts import ToolSet, ToolUse
from rung.types import Answer, Example
from rung.verify.scorers import tool_call

F: dict[str, Any] = {"name": "f", "arguments": {"a": 1}}
G: dict[str, Any] = {"name": "g", "arguments": {}}
f, g = json.dumps(F), json.dumps(G)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


# What the whole text is as JSON: the same is read from a row.
VALUES: list[tuple[str, list[dict[str, Any]]]] = [
    (f, [F]),
    ('{"arguments": {"a": 1}, "name": "f"}', [F]),
    ('{"name": "f", "parameters": {"a": 1}}', [F]),
    ('{"name": "f", "parameters": {"b": 2}, "arguments": {"a": 1}}', [F]),
    (f'{{"type": "function", "id": "1", "function": {f}}}', [F]),
    ('{"function": {"name": "g"}}', [G]),
    (f'{{"function": {{"function": {f}}}}}', [F]),
    (f'{{"tool_calls": [{f}, {{"function": {g}}}]}}', [F, G]),
    (f'{{"role": "assistant", "content": null, "tool_calls": {f}}}', [F]),
    (f'{{"tool_calls": [{{"tool_calls": [{f}]}}, {g}]}}', [F, G]),
    ('{"tool_calls": []}', []),
    (f"[{f}, {g}]", [F, G]),
    (f"[[{f}], {g}]", [F, G]),
    ("[]", []),
    ('{"name": "f", "arguments": "{\\"a\\": 1}"}', [F]),
    ('{"name": "g", "arguments": ""}', [G]),
    ('{"name": "g", "arguments": null}', [G]),
    ('{"name": "\\ud800", "arguments": {"a": "\\ud800"}}', [{"name": "?", "arguments": {"a": "?"}}]),
    ('{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}', [F]),
    ('{"type": "tool_call", "id": "t1", "name": "f", "args": {"a": 1}}', [F]),
    ('{"type": "function_call", "call_id": "c", "status": "completed", "name": "f", "arguments": "{\\"a\\": 1}"}', [F]),
    ('{"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\\"a\\": 1}"}}', [F]),
    ('[{"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "g"}}]', [F, G]),
    ('{"name": "f", "arguments": null, "parameters": {"a": 1}, "function": null, "tool_calls": null}', [F]),
    ('{"thought": "f it is", "name": "f", "arguments": {"a": 1}}', [F]),
]
# What is found in an answer that is more, or less, than one JSON value.
TWICE = '{"name": "x", "name": "f", "arguments": {"a": 2}, "arguments": {"a": 1}}'
TEXTS: list[tuple[str, list[dict[str, Any]]]] = [
    (f"Sure.\n```json\n{f}\n```\nDone {{ok}}.", [F]),
    (f"<tool_call>\n{f}\n</tool_call>\n<tool_call>\n{g}\n</tool_call>", [F, G]),
    (f"{f} and then {g}", [F, G]),
    (f'{f} {{"name": "g", "argu', [F]),
    (f"{{{f}}}", [F]),
    (f"I would say { {'x'} } first, then {f}", [F]),
    ("42", []),
    ("{" * 2000, []),
    ("[" * 50_000, []),
    (TWICE, [F]),
]
NO_CALL = [
    '{"name": "Ann", "age": 3}',
    '{"name": "f"}',
    '{"arguments": {"a": 1}}',
    '{"name": 5, "arguments": {}}',
    '{"name": "resnet", "parameters": 25000000}',
    '{"name": "resnet", "parameters": null}',
    '{"name": "f", "args": {"a": 1}}',
    '{"type": "tool_use", "input": {"a": 1}}',
    '{"type": "tool_use", "name": "f", "input": [1]}',
    '{"name": "debate", "arguments": ["for", "against"]}',
    '{"name": "f", "arguments": "x"}',
    '{"name": "f", "arguments": "' + "[" * 9000 + '"}',
    '{"function": {"name": "f", "description": "a tool, told again"}}',
    f'{{"action": {f}}}',
    f'[{f}, "and then"]',
    f"[{f}, []]",
    "[[]]",
    '{"function": ' * 40 + f + "}" * 40,
    '{"function": ' * 900 + f + "}" * 900,
]
CUT_OFF = [f[:-1], f'{{"thought": "x", "call": {f}', f"[{f}", f'{{"tool_calls": [{f}]', '{"name": "f", "arguments": {"a": "']
FAULTS = [
    ('{"name": "f", "arguments": {"a": NaN}}', "nan is not a number that JSON can say"),
    ('{"name": "f", "arguments": {"a": 1e999}}', "inf is not a number that JSON can say"),
    ('{"name": "f", "arguments": "{\\"a\\": -Infinity}"}', "-inf is not a number that JSON can say"),
    ('{"name": "f", "arguments": {"a": ' + nested(300) + "}}", "it is nested more than 32 deep"),
]


def plain(calls: Sequence[Call]) -> list[dict[str, Any]]:
    return [{"name": call.name, "arguments": call.arguments} for call in calls]


def looped(text: str) -> list[Call]:
    """The calls that the loop makes of an answer."""
    made: list[Call] = []

    class Box:
        limits = SimpleNamespace(total_seconds=60.0)

        def perform(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
            made.extend(calls)
            return [{"name": call.name, "arguments": call.arguments, "reason": "none", "seconds": 0.0} for call in calls]

    toolbox = Toolbox(tools=ToolUse(toolset=ToolSet(tools=()), files=None, steps=9), box=Box())  # type: ignore[arg-type]
    said = iter([text])

    def ask(requests: Sequence[Request]) -> list[Answer]:
        return [Answer(text=next(said, "done")) for _ in requests]

    toolbox.answer([Request(messages=({"role": "user", "content": "q"},))], ask, lambda row, problem: pytest.fail(problem))
    return made


def scored(text: str, target: Sequence[dict[str, Any]]) -> float | None:
    row = Example(id="1", messages=({"role": "user", "content": "q"},), target=list(target))
    return tool_call.score(row, text, tool_call.Config()).value


@pytest.mark.parametrize(("text", "calls"), [*VALUES, *TEXTS])
def test_what_is_a_call_is_run_and_scored(text: str, calls: list[dict[str, Any]]) -> None:
    assert plain(calls_in(text)) == plain(looped(text)) == calls
    assert not any(call.fault for call in calls_in(text))
    assert scored(text, calls) == 1.0
    assert scored(text, [*calls, F]) == 0.0


@pytest.mark.parametrize(("text", "calls"), VALUES)
def test_what_is_a_call_is_one_in_a_row(text: str, calls: list[dict[str, Any]]) -> None:
    assert looks_like_calls(text) and looks_like_calls(json.loads(text))
    assert as_calls(text) == as_calls(json.loads(text)) == calls
    assert tool_call.score(Example(id="1", messages=(), target=text), json.dumps(calls), tool_call.Config()).value == 1.0


@pytest.mark.parametrize("text", NO_CALL)
def test_what_is_no_call_is_none_for_anybody(text: str) -> None:
    assert calls_in(text) == looped(text) == []
    assert scored(text, [F]) == 0.0
    assert scored(text, []) == (0.0 if sets_out_to_call(text) else 1.0)
    with pytest.raises(RowError):
        as_calls(text)
    with pytest.raises(NotCalls):
        read_calls(json.loads(text))


@pytest.mark.parametrize("text", CUT_OFF)
def test_what_is_cut_off_is_neither_a_call_nor_an_answer_without_one(text: str) -> None:
    assert calls_in(text) == looped(text) == []
    assert scored(text, [F]) == scored(text, []) == 0.0
    with pytest.raises(RowError, match="cut off"):
        as_calls(text)


@pytest.mark.parametrize(("text", "fault"), FAULTS)
def test_what_json_cannot_say_is_a_call_with_a_fault(text: str, fault: str) -> None:
    assert calls_in(text) == looped(text) == [Call(name="f", arguments={}, fault=fault)]
    row = Example(id="1", messages=(), target=[F])
    assert tool_call.score(row, text, tool_call.Config()).reason == f"f: {fault}"
    assert scored(text, []) == 0.0
    assert tool_call.check(Example(id="1", messages=(), target=text), tool_call.Config())
    with pytest.raises(RowError, match=r"NaN is not JSON|f: "):
        as_calls(text)


def test_a_row_that_set_out_to_be_a_call_is_told_what_is_wrong() -> None:
    for broken, reason in [
        ({"name": "f", "arguments": "x"}, "the arguments of f are not JSON"),
        ({"name": "f", "arguments": "{"}, "the arguments of f are cut off"),
        ({"name": "f", "arguments": [1]}, "the arguments of f are not an object"),
        ({**F, "allowed": {"a": 1}}, "what f allows is not a list for each argument"),
    ]:
        assert looks_like_calls(broken)
        with pytest.raises(RowError, match=reason):
            as_calls(broken)
    assert not looks_like_calls({"name": "resnet", "parameters": 7})


def test_only_a_target_allows_values() -> None:
    call = {**F, "allowed": {"a": [1, 2]}}
    assert read_calls(call, target=True) == [Call(name="f", arguments={"a": 1}, allowed={"a": [1, 2]})]
    assert read_calls(call) == [Call(name="f", arguments={"a": 1})]
    assert as_calls(call) == [call]


def test_a_key_twice_is_read_in_an_answer_and_refused_in_a_row() -> None:
    assert plain(calls_in(TWICE)) == [F]
    with pytest.raises(RowError, match="the key 'name' stands twice"):
        as_calls(TWICE)
