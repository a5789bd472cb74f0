"""Answers held to none, one or several calls: what a grammar lets be written, and what a server is asked for and sends back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.engine.answer import resolve_constraint
from rung.engine.backend import Request
from rung.engine.chat import stop_tokens
from rung.engine.constrain import Grammars
from rung.engine.http.body import response_format
from rung.engine.http.completion import read_completion
from rung.errors import UserError
from rung.parts import CallConstraint, SchemaConstraint

TOOLS = (
    {"name": "weather", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}},
    {"name": "now", "parameters": {"type": "object", "properties": {}}},
)
ROME: dict[str, Any] = {"name": "weather", "arguments": {"place": "Rome"}}
NOW: dict[str, Any] = {"name": "now", "arguments": {}}


def held(**counts: bool) -> SchemaConstraint:
    found = resolve_constraint(CallConstraint(**counts), TOOLS)
    assert isinstance(found, SchemaConstraint)
    return found


@pytest.mark.parametrize(
    ("counts", "may", "may_not"),
    [
        ({}, [ROME, NOW], [[], [ROME, NOW]]),
        ({"none": True}, [ROME, []], [[ROME, NOW]]),
        ({"several": True}, [ROME, [ROME, NOW], [NOW, NOW, ROME]], [[], [ROME]]),
        ({"one": False, "several": True}, [[ROME, NOW]], [ROME, []]),
        ({"none": True, "several": True}, [ROME, [], [ROME, NOW]], [[ROME]]),
    ],
)
def test_a_grammar_lets_as_many_calls_be_written(tiny_base, counts: dict[str, bool], may: list[Any], may_not: list[Any]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    end = stop_tokens(tokenizer)
    grammars = Grammars(tokenizer, len(tokenizer), end)

    def write(answer: Any) -> None:
        place = grammars.constraint(held(**counts).schema)
        for token in tokenizer.encode(json.dumps(answer, separators=(",", ":")), add_special_tokens=False):
            place.take(token)
        place.take(end[0])

    for answer in may:
        write(answer)
    for answer in may_not:
        with pytest.raises(UserError):
            write(answer)


def replied(message: dict[str, Any], constraint: SchemaConstraint | None = None) -> str:
    reply = {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}]}
    request = Request(messages=({"role": "user", "content": "q"},), constraint=constraint)
    return read_completion(reply, request, 0.0).answer.text


def test_a_server_is_asked_for_an_object_whatever_may_be_said() -> None:
    """OpenAI takes neither anyOf nor a list at the root of a schema."""
    sent = response_format(held(none=True, several=True))["json_schema"]["schema"]
    assert sent["type"] == "object" and sent["properties"]["answer"] == held(none=True, several=True).schema
    one = resolve_constraint(CallConstraint(), TOOLS[:1])
    assert isinstance(one, SchemaConstraint) and response_format(one)["json_schema"]["schema"] == one.schema


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"answer": []}', "[]"),
        ('{"answer": {"name": "now", "arguments": {}}}', '{"name":"now","arguments":{}}'),
        ('{"name": "now", "arguments": {}}', '{"name": "now", "arguments": {}}'),
        ('{"answer": [', '{"answer": ['),
    ],
)
def test_what_was_asked_for_is_taken_out_again(content: str, text: str) -> None:
    assert replied({"content": content}, held(none=True)) == text


def test_a_call_as_servers_wrote_it_before_there_could_be_several() -> None:
    call = {"name": "now", "arguments": "{}"}
    assert json.loads(replied({"content": None, "function_call": call})) == NOW
    assert json.loads(replied({"content": "", "tool_calls": [{"id": "1", "type": "function", "function": call}]})) == NOW
