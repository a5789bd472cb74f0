"""The Responses API's items -> messages, and an answer -> items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.serve.limits import Limits
from rung.serve.openai.answers import Said, call_bodies, call_body, new_id
from rung.serve.openai.messages import messages_of
from rung.serve.types import Refused
from rung.types import Message

# Items that say nothing to a model here: what another thought, which nobody reads.
_SILENT = ("reasoning",)


def messages_of_input(given: Any, instructions: str | None, before: Sequence[Message], limits: Limits) -> tuple[Message, ...]:
    """The conversation that an input goes on with. Raises Refused, with the item that is meant."""
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list) or not items:
        raise Refused(400, "Invalid value for 'input': must be a text or a list of items.", param="input", code="invalid_value")
    raw = [_message(item, place) for place, item in enumerate(items)]
    lead = [{"role": "system", "content": instructions}] if instructions else []
    try:
        turns = messages_of([*before, *filter(None, raw)], limits)
    except Refused as refused:
        raise _at_item(refused, len(before)) from None
    return (*lead, *_joined(turns))


def _message(item: Any, place: int) -> dict[str, Any] | None:
    """An item as a message; None for one that says nothing."""
    kind = item.get("type", "message") if isinstance(item, Mapping) else None
    if kind in _SILENT:
        return None
    if kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments", "")}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": item.get("call_id"), "type": "function", "function": function}],
        }
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")}
    if kind != "message":
        problem = f"Invalid value for 'input[{place}].type': must be message, function_call or function_call_output."
        raise Refused(400, problem, param=f"input[{place}].type", code="invalid_value")
    return {key: value for key, value in item.items() if key not in ("type", "id", "status", "phase")}


def _at_item(refused: Refused, before: int) -> Refused:
    """The same, in the words of items."""
    param = refused.param or "input"
    head, bracket, rest = param.partition("messages[")
    if bracket and not head:
        number, _, tail = rest.partition("]")
        param = f"input[{int(number) - before}]{tail}"
    elif param == "messages":
        param = "input"
    message = refused.message.replace(refused.param or "", param) if refused.param else refused.message
    return Refused(refused.status, message, param=param, code=refused.code)


def _joined(turns: Sequence[Message]) -> list[Message]:
    """Calls that were made together, and the text before them, as the one turn that they were."""
    joined: list[Message] = []
    for turn in turns:
        last = joined[-1] if joined else {}
        if turn["role"] == "assistant" and turn.get("tool_calls") and last.get("role") == "assistant" and not turn.get("content"):
            joined[-1] = {**last, "tool_calls": [*last.get("tool_calls", []), *turn["tool_calls"]]}
        else:
            joined.append(turn)
    return joined


def turn_of(said: Said) -> Message:
    """An answer as the turn that the conversation goes on behind."""
    turn: dict[str, Any] = {"role": "assistant", "content": said.text if said.refusal is None else said.refusal}
    if said.calls:
        turn["tool_calls"] = call_bodies(said)
    return turn


def message_item(id: str, text: str, logprobs: list[dict[str, Any]] | None, *, status: str = "completed") -> dict[str, Any]:
    """What was said."""
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": [text_part(text, logprobs)]}


def text_part(text: str, logprobs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A text within a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs or []}


def refusal_item(id: str, reason: str) -> dict[str, Any]:
    """What is told in an answer's place."""
    content = [{"type": "refusal", "refusal": reason}]
    return {"id": id, "type": "message", "status": "completed", "role": "assistant", "content": content}


def call_items(said: Said) -> list[dict[str, Any]]:
    """The calls for the client to make."""
    found = []
    for call, id in zip(said.calls, said.call_ids, strict=True):
        function = call_body(call, id)["function"]
        found.append({"id": new_id("fc_"), "type": "function_call", "status": "completed", "call_id": id, **function})
    return found
