"""What only the whole file shows of its targets: that text among calls says that none is right, that texts are objects or lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.calls import Call
from rung.data import call_texts, calls
from rung.data.read.formats import parse_json
from rung.data.read.rows import RowError
from rung.data.shapes.parts import Parts
from rung.data.target_lists import with_lists
from rung.types import Example

MOST_ODD = 0.05  # of the targets, that may be no JSON object where the others are


def settled(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The examples, their targets as the file as a whole has them.

    Where some targets are tool calls, text in answer to a user who offered tools means that no call is right: the target becomes
    the empty list, the text stays as `said`. Where all but a few targets are the text of a JSON object or list, those become such;
    the rest stay what they are, to be told by whoever compares objects.
    """
    if any(_is_calls(example.target) for example in examples):
        return with_lists([_without_call(example) for example in examples])
    return with_lists(_with_objects(examples))


def with_calls(parts: Parts) -> Parts:
    """The answer's calls, where it is such or holds them in a text, and those on the way there, as the row's tools have them."""
    target, tools = parts.target, parts.tools
    if isinstance(target, list) or (tools and isinstance(target, str)):
        found = call_texts.calls_of(target, tools)
        target = target if found is None else found
    return replace(parts, target=target, messages=[_with_schemas(message, tools) for message in parts.messages])


def _with_schemas(message: dict[str, Any], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return message
    made = [
        {**call, "function": {**call["function"], "arguments": calls.with_schema(Call(**call["function"]), tools)}}
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": made}


def _with_objects(examples: Sequence[Example]) -> tuple[Example, ...]:
    objects = [_object(example.target) for example in examples]
    if sum(value is not None for value in objects) < (1 - MOST_ODD) * len(examples):
        return tuple(examples)
    return tuple(
        example if value is None else replace(example, target=value) for example, value in zip(examples, objects, strict=True)
    )


def _object(target: Any) -> dict[str, Any] | None:
    try:
        value = parse_json(target) if isinstance(target, str) and target.lstrip().startswith("{") else None
    except RowError:
        return None
    return value if isinstance(value, dict) else None


def _is_calls(target: Any) -> bool:
    return isinstance(target, list) and bool(target) and calls.looks_like_calls(target)


def _without_call(example: Example) -> Example:
    if not isinstance(example.target, str) or not example.tools or example.messages[-1]["role"] != "user":
        return example
    if call_texts.begins_as_json(example.target):
        return example
    return replace(example, target=[], said=example.target)
