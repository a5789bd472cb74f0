"""What one turn holds where it is more than a text: parts, calls and their results, as OpenAI, Anthropic, Google and Bedrock have
them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.data.calls import as_calls
from rung.data.read.rows import RowError

TEXT_TYPES = ("text", "input_text", "output_text")
# What a model thought is no part of what it said.
THOUGHT_TYPES = ("thinking", "redacted_thinking", "reasoning", "reasoning_content", "reasoningContent")
WRITTEN_CALLS = ("tool_call", "tool_calls", "function_call")
CALL_KEYS = ("functionCall", "function_call", "toolUse")
RESULT_KEYS = ("functionResponse", "function_response", "toolResult")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a tool gave back, with the call's id or the tool's name where they are known."""

    text: str
    call_id: str = ""
    name: str = ""


@dataclass
class Held:
    """What a turn holds, sorted: its texts, the calls that it makes (in any form that is read), the results that it hands over."""

    texts: list[str] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def held_in(content: Any, number: int) -> Held:
    """What the content of message `number` holds. Raises RowError for pictures, sound and whatever else is no text, by its name."""
    held = Held()
    if isinstance(content, Mapping) and isinstance(content.get("parts"), list):
        content = content["parts"]
    if content is None:
        return held
    for part in content if isinstance(content, list) else [content]:
        _take(part, held, number)
    return held


def _take(part: Any, held: Held, number: int) -> None:
    if isinstance(part, str):
        held.texts.append(part)
        return
    if not isinstance(part, Mapping):
        raise RowError(f"the content of message {number} is {type(part).__name__}, not text")
    kind = part.get("type") or next((key for key in (*CALL_KEYS, *RESULT_KEYS) if part.get(key) is not None), None)
    if kind in THOUGHT_TYPES or part.get("thought") is True or part.keys() & {"reasoningContent"}:
        return
    if kind in WRITTEN_CALLS and "value" in part:
        held.calls += [{"function": call} for call in as_calls(part["value"])]
    elif kind == "tool_use":
        held.calls.append(dict(part))
    elif kind in CALL_KEYS:
        held.calls.append(_call(part[kind] if isinstance(part.get(kind), Mapping) else part, number))
    elif kind == "tool_result" or kind in RESULT_KEYS:
        held.results.append(_result(part[kind] if isinstance(part.get(kind), Mapping) else part, number))
    else:
        held.texts.append(_text(part, kind, number))


def _text(part: Mapping[str, Any], kind: Any, number: int) -> str:
    keys = ("refusal",) if kind == "refusal" else ("text", "value", "content") if kind else ("text",)
    text = next((part[key] for key in keys if key in part), None)
    if isinstance(text, Mapping):
        text = text.get("value")
    if (kind is None or kind in (*TEXT_TYPES, "refusal")) and isinstance(text, str):
        return text
    named = kind or next(iter(part), None)
    raise RowError(f"message {number} has a part of type '{named}'; only text is understood")


def _call(call: Mapping[str, Any], number: int) -> dict[str, Any]:
    if not isinstance(call.get("name"), str):
        raise RowError(f"message {number} makes a call without a name")
    arguments: Any = next((call[key] for key in ("args", "arguments", "input") if call.get(key) is not None), {})
    named = call.get("id") or call.get("toolUseId")
    return ({"id": str(named)} if named else {}) | {"function": {"name": call["name"], "arguments": arguments}}


def _result(result: Mapping[str, Any], number: int) -> Result:
    said = next((result[key] for key in ("content", "response", "output", "result", "value") if result.get(key) is not None), "")
    call_id = next((str(result[key]) for key in ("tool_use_id", "toolUseId", "call_id", "id") if result.get(key)), "")
    return Result(text=result_text(said, number), call_id=call_id, name=str(result.get("name") or ""))


def result_text(said: Any, number: int) -> str:
    """What a tool gave back as text: its text parts joined, anything else as JSON."""
    if isinstance(said, str):
        return said
    parts = said if isinstance(said, list) else [said]
    if parts and all(isinstance(part, Mapping) and (part.get("type") in TEXT_TYPES or set(part) == {"text"}) for part in parts):
        return "".join(held_in([part], number).text for part in parts)
    return json.dumps(said, ensure_ascii=False)
