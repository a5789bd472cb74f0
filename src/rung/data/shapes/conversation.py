"""Conversations in one form: OpenAI messages of plain text, with tool calls whose arguments are objects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rung.data.calls import as_calls
from rung.data.read.rows import RowError
from rung.errors import did_you_mean

ROLES = ("system", "developer", "user", "assistant", "tool")
# ShareGPT's names for who speaks, and OpenAI's older ones.
SPEAKERS = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "bing": "assistant",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
}
CALL_SPEAKERS = ("function_call", "tool_call")


def as_messages(value: Any) -> list[dict[str, Any]]:
    """A row's conversation. `value` is text (one user message), a list of messages, their JSON text, or a list of turns of which
    the first is a list of messages. Raises RowError."""
    if isinstance(value, str):
        decoded = _decoded_list(value)
        if decoded is None:
            return [{"role": "user", "content": filled(value, "the input")}]
        value = decoded
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise RowError(f"the conversation is {type(value).__name__}, neither text nor a list of messages")
    if value and isinstance(value[0], list):
        if len(value) > 1:
            raise RowError(f"the conversation has {len(value)} turns of questions; one is understood")
        value = value[0]
    if not value:
        raise RowError("the conversation is empty")
    return [_message(entry, number) for number, entry in enumerate(value, start=1)]


def filled(value: Any, what: str) -> str:
    """`value` as text. Raises RowError where there is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowError(f"{what} is empty")
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def split_answer(messages: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], Any]:
    """The conversation up to the last assistant turn, and what that turn says: text, or a list of calls.

    Raises RowError where the last turn is not the assistant's, or says nothing.
    """
    last = messages[-1]
    if last["role"] != "assistant":
        raise RowError(f"the last message is the {last['role']}'s, so the row has no answer to learn or compare")
    if last.get("tool_calls"):
        return list(messages[:-1]), as_calls(last["tool_calls"])
    return list(messages[:-1]), filled(last["content"], "the last assistant message")


def check_question(messages: Sequence[Mapping[str, Any]]) -> None:
    """Raises RowError where nothing is asked."""
    if not any(message["role"] in ("user", "tool") and message["content"].strip() for message in messages):
        raise RowError("no user message holds any text")


def _decoded_list(text: str) -> list[Any] | None:
    """The messages that a CSV cell holds as JSON, or None where it is plain text."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_list = isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)
    return value if is_list and all("role" in entry or "from" in entry for entry in value) else None


def _message(entry: Any, number: int) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise RowError(f"message {number} is not an object")
    if "role" not in entry and "from" not in entry:
        raise RowError(f"message {number} has no role")
    named = str(entry.get("role", entry.get("from")))
    content = entry.get("content", entry.get("value"))
    if named in CALL_SPEAKERS:
        return {"role": "assistant", "content": "", "tool_calls": _tool_calls(content)}
    role = SPEAKERS.get(named, named)
    if role not in ROLES:
        raise RowError(f"message {number} has the role '{named}'. {did_you_mean(named, ROLES)}")
    message: dict[str, Any] = {"role": role, "content": _text(content, number)}
    calls = entry.get("tool_calls") or ([{"function": entry["function_call"]}] if entry.get("function_call") else None)
    if calls:
        message["tool_calls"] = _tool_calls(calls)
    return message | {key: str(entry[key]) for key in ("tool_call_id", "name") if entry.get(key)}


def _tool_calls(value: Any) -> list[dict[str, Any]]:
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in value] if isinstance(value, list) else [None]
    calls = as_calls(value)
    ids += [None] * (len(calls) - len(ids))
    return [
        ({"id": str(name)} if name else {}) | {"type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
        for name, c in zip(ids, calls, strict=False)
    ]


def _text(content: Any, number: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RowError(f"the content of message {number} is {type(content).__name__}, not text")
    parts = []
    for part in content:
        kind = part.get("type", "text") if isinstance(part, dict) else None
        if kind not in ("text", "input_text", "output_text") or not isinstance(part.get("text"), str):
            raise RowError(f"message {number} has a part of type '{kind}'; only text is understood")
        parts.append(part["text"])
    return "".join(parts)
