"""What a service's log or a tracing tool keeps of a call: the request with its messages, and the response as the API sent it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rung.data.call_texts import calls_of
from rung.data.read.rows import Row, RowError
from rung.data.shapes.answered import conversation_of
from rung.data.shapes.blocks import held_in
from rung.data.shapes.conversation import filled, split_answer
from rung.data.shapes.parts import LeftOut, Parts, refuse_media, tools_of, with_system
from rung.data.shapes.turns import holds_turns

TITLE = "request log"
ORDER = 22
EXAMPLE = '{"request": {"messages"}, "response": {"choices"}}'
REQUEST_KEYS = ("request", "request_body", "input", "inputs", "body", "vars")
RESPONSE_KEYS = (
    *(
        "response",
        "response_body",
        "output",
        "outputs",
        "expected_output",
        "expectedOutput",
        "reference_outputs",
        "expected",
        "ideal",
    ),
)
FIELDS = (*REQUEST_KEYS, *RESPONSE_KEYS)
FAILED = "rows with a request that failed"
ASKED_KEYS = ("question", "query", "prompt", "input", "text", "message", "content")
SAID_KEYS = ("content", "text", "answer", "output", "response", "completion", "result", "message", "generated_text", "output_text")


def fits(row: Row) -> bool:
    """Whether the row has a request with a conversation, and a response; or is half of a batch, which `convert` refuses."""
    request = _request(row)
    if request is None:
        return "custom_id" in row and isinstance(row.get("response"), Mapping)
    return _response_key(row) is not None or "custom_id" in row


def convert(row: Row) -> Parts:
    """The request's messages are what was asked, the response's first choice is the target."""
    request, key = _request(row), _response_key(row)
    if request is None:
        raise RowError("the row has a response and no request: join the batch's input file to it by custom_id")
    if key is None:
        raise RowError("the row has a request and no response: join the batch's output file to it by custom_id")
    response = _decoded(row[key])
    _check_status(row, response)
    conversation = conversation_of(request["messages"])
    refuse_media(row, conversation.messages)
    asked = with_system(conversation.messages, _system(request))
    if asked[-1]["role"] == "assistant" and len(asked) > 1:
        asked = asked[:-1] if asked[-1]["content"] == _said(response) else asked
    tools = tools_of({**row, **({"tools": request["tools"]} if request.get("tools") else {})})
    answer = _said(response)
    return Parts(messages=asked, target=answer, tools=tools, inferences=tuple(conversation.notes))


def _request(row: Row) -> dict[str, Any] | None:
    """The request as `messages` and what stands beside them, None where no field holds one."""
    for key in REQUEST_KEYS:
        found = _conversation(_decoded(row.get(key)))
        if found is not None:
            return found
    return None


def _conversation(value: Any, depth: int = 2) -> dict[str, Any] | None:
    if holds_turns(value) and not (isinstance(value, Mapping) and "messages" in value):
        return {"messages": value}
    if not isinstance(value, Mapping):
        return None
    for key in ("messages", "contents", "input"):
        if holds_turns(value.get(key)):
            return {**value, "messages": value[key]}
    for key in ("body", "request", "kwargs"):
        if depth and (found := _conversation(_decoded(value.get(key)), depth - 1)):
            return found
    asked = [value[key] for key in ASKED_KEYS if isinstance(value.get(key), str) and value[key].strip()]
    return {**value, "messages": [{"role": "user", "content": asked[0]}]} if len(asked) == 1 and len(value) <= 4 else None


def _system(request: Mapping[str, Any]) -> Any:
    told = request.get("system") or request.get("instructions") or request.get("systemInstruction")
    return told if isinstance(told, str) or told is None else held_in(told, 0).text


def _response_key(row: Row) -> str | None:
    return next((key for key in RESPONSE_KEYS if row.get(key) not in (None, "", [], {})), None)


def _decoded(value: Any) -> Any:
    """A field as it is, or the JSON that its text is, as in a log that was exported as a table."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _check_status(row: Row, response: Any) -> None:
    codes = [
        row.get("status_code"),
        row.get("response_status"),
        *([response.get("status_code")] if isinstance(response, Mapping) else []),
    ]
    faults = [row.get("error"), *([response.get("error")] if isinstance(response, Mapping) else [])]
    if any(isinstance(code, int) and code >= 400 for code in codes) or any(faults):
        raise LeftOut(FAILED)


def _said(value: Any, depth: int = 6) -> Any:
    """What a response says: text, or calls. Raises RowError where it says nothing that is understood."""
    value = _decoded(value)
    if isinstance(value, str) or not depth:
        return filled(value, "the response").strip()
    if isinstance(value, list):
        return _said_by_list(value, depth)
    if not isinstance(value, Mapping):
        return filled(value, "the response")
    if isinstance(value.get("role"), str) or value.get("tool_calls"):
        return split_answer(conversation_of([{"role": "assistant", **value}]).messages)[1]
    for key in ("body", "choices", "candidates", "message", "messages", "output", "generations", *SAID_KEYS):
        if value.get(key) not in (None, "", []):
            return _said(value[key], depth - 1)
    return filled(value or None, "the response")


def _said_by_list(value: list[Any], depth: int) -> Any:
    """The first choice; of the items of a response the calls, else the texts; of a conversation the last answer."""
    if not value:
        raise RowError("the response is empty")
    calls = [item for item in value if isinstance(item, Mapping) and item.get("type") in ("function_call", "tool_use")]
    if calls:
        return calls_of([{"name": call.get("name"), "arguments": call.get("arguments", call.get("input"))} for call in calls])
    said = [item for item in value if isinstance(item, Mapping) and "role" in item and item.get("type", "message") == "message"]
    if said:
        return split_answer(conversation_of(said).messages)[1]
    if all(isinstance(item, Mapping) and "text" in item and "type" in item for item in value):
        return filled(held_in(value, 0).text, "the response")
    return _said(value[0], depth - 1)
