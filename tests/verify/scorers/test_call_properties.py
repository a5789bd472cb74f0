"""What holds of every text and every call: nothing raises, the ideal is right, what is harmless changes nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer_rows import scorer

from rung.calls import calls_in, sets_out_to_call
from rung.data.call_texts import calls_of
from rung.data.calls import as_calls, as_tools
from rung.data.read.rows import RowError
from rung.types import Example
from rung.verify.calls import target_calls

PLACE = {"place": {"type": "string"}, "days": {"type": "integer"}}
PAYMENT = {"to": {}, "rate": {"type": "number"}}
TOOLS = as_tools(
    [
        {"name": "weather", "parameters": {"type": "object", "properties": PLACE}},
        {"name": "bank.pay", "parameters": {"type": "object", "properties": PAYMENT, "required": ["to"]}},
    ]
)
few = settings(max_examples=60, deadline=None, derandomize=True)
WORDS = """{ } [ ] " ' : , name arguments "name": "arguments": weather weather( place= ) ( <tool_call> </tool_call> NaN 1e999
null -5 <function=weather> ``` ```json def lambda Action: Input: * x 🙂"""
PIECES = tuple(WORDS.split())
pieces = st.sampled_from([*PIECES, '{"name": "weather", "arguments": {"place": "Rome"}}', " ", "\n", "\\", "\x00", "\ud800"])
texts = st.one_of(st.text(max_size=80), st.lists(pieces, max_size=14).map("".join))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
names = st.text(max_size=12)


def called(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


call = st.one_of(
    st.builds(called, st.just("weather"), place=names),
    st.builds(called, st.just("weather"), days=st.integers(), place=names),
    st.builds(called, st.just("bank.pay"), rate=st.integers(-9, 9), to=values),
)


def asked(target: Any, tools: Any = TOOLS) -> Example:
    return Example(id="1", messages=({"role": "user", "content": "q"},), target=target, tools=tools)


@given(texts)
@few
def test_no_text_raises(text: str) -> None:
    assert isinstance(calls_in(text), list)
    assert isinstance(sets_out_to_call(text, ("weather", "bank.pay")), bool)
    try:
        found = calls_of(text, TOOLS)
        assert found is None or as_calls(found, TOOLS) == found, "what was read stays as it is"
    except RowError as error:
        assert str(error)
    for strings in ("exact", "bfcl"):
        bound = scorer("tool_call", strings=strings)
        for target in ([], [{"name": "weather", "arguments": {"place": "Rome"}}], text):
            said = bound.score(asked(target), text)
            assert said.value in (0.0, 1.0, None)
            assert said.value is not None or target_calls(text, TOOLS) is None


@given(values)
@few
def test_no_target_raises(target: Any) -> None:
    bound = scorer("tool_call")
    found = bound.check(asked(target))
    assert found is None or isinstance(found, str)
    assert bound.score(asked(target), "[]").value in (0.0, 1.0, None)


@given(st.lists(call, max_size=4), st.randoms(use_true_random=False), st.sampled_from(["exact", "bfcl"]))
@few
def test_what_is_right_stays_right_however_it_is_put(calls: list[Any], draw: Any, strings: str) -> None:
    bound, row = scorer("tool_call", strings=strings), asked(as_calls(calls, TOOLS))
    ideal = bound.ideal(row)
    assert bound.check(row) is None
    assert bound.ideal(asked(json.loads(ideal))) == ideal, "an ideal answer read as a target is the same target"
    reordered = [
        {"arguments": dict(draw.sample([*one["arguments"].items()], len(one["arguments"]))), "name": one["name"]}
        for one in draw.sample(row.target, len(row.target))
    ]
    for text in (ideal, f"Sure:\n```json\n{ideal}\n```", f"I see.\n{ideal}\nDone", json.dumps(reordered, indent=1)):
        assert bound.score(row, text).value == 1.0


@given(st.lists(call, min_size=1, max_size=3), st.randoms(use_true_random=False))
@few
def test_a_call_too_many_one_too_few_and_one_without_an_argument_are_wrong(calls: list[Any], draw: Any) -> None:
    bound, row = scorer("tool_call"), asked(as_calls(calls, TOOLS))
    assert bound.score(row, json.dumps([*row.target, draw.choice(row.target)])).value == 0.0
    assert bound.score(row, json.dumps(row.target[1:])).value == 0.0
    lacking = [dict(one, arguments=dict(one["arguments"])) for one in row.target]
    arguments = draw.choice(lacking)["arguments"]
    gone = draw.choice(sorted(arguments))
    if arguments.pop(gone) is not None:
        assert bound.score(row, json.dumps(lacking)).value == 0.0


CALL = '{"name": "weather", "arguments": {"place": "Rome"}}'
LONG = {
    "names": '"name":' * 150_000,
    "openings": "[" * 1_000_000,
    "objects": '{"a":' * 200_000,
    "calls": CALL * 20_000,
    "cut off": (CALL[:-1] + " ") * 20_000,
    "tags": "<function=weather>" * 60_000,
    "python": "weather(" * 120_000,
    "one long name": "a" * 1_000_000 + "(x=1)",
    "spaces": " " * 1_000_000,
    "spaces after a key": '"name"' + " " * 1_000_000 + "x",
    "lines": "Action: weather\n" * 60_000,
    "blank lines": "name:\n" + "\n \t" * 300_000,
    "brackets in a text": "[a](b) {c} " * 90_000,
    "quotes": "\"'" * 500_000,
    "a list": "[" + "weather(place='Rome')," * 45_000 + "]",
}


@pytest.mark.parametrize("kind", LONG)
def test_a_megabyte_takes_no_time(kind: str) -> None:
    text, row = LONG[kind], asked([{"name": "weather", "arguments": {"place": "Rome"}}])
    started = time.monotonic()
    scorer("tool_call").score(row, text)
    scorer("tool_call").check(asked(text))
    assert time.monotonic() - started < 10
