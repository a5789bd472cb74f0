"""A body's messages -> turns in the one message format, each checked at its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.serve.limits import Limits
from rung.serve.types import Refused
from rung.types import Message

ROLES = ("system", "developer", "user", "assistant", "tool")
# Which keys of each role's turn mean something, and which others an answer has that its client sends back.
KEYS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset({"role", "content", "name", "tool_calls", "refusal"}),
    "tool": frozenset({"role", "content", "name", "tool_call_id"}),
}
_SENT_BACK = frozenset({"audio", "annotations", "function_call", "reasoning", "reasoning_content", "rung"})
_SENT_BACK |= {"provider_specific_fields"}
TEXT_PARTS = ("text", "refusal", "input_text", "output_text")


def messages_of(given: Sequence[Any], limits: Limits) -> tuple[Message, ...]:
    """Raises Refused for what is no conversation of texts."""
    if not given:
        raise _bad("a conversation must have a message", "messages")
    if len(given) > limits.messages:
        raise _bad(f"at most {limits.messages:,} messages are taken", "messages")
    turns: list[Message] = []
    called: dict[str, str] = {}
    for place, message in enumerate(given):
        where = f"messages[{place}]"
        turn = _turn(message, where)
        called |= {call["id"]: call["function"]["name"] for call in turn.get("tool_calls", ())}
        if turn["role"] == "tool":
            if turn["tool_call_id"] not in called:
                raise _bad("answers a call that no message before it makes", f"{where}.tool_call_id")
            turn = {"role": "tool", "name": called[turn["tool_call_id"]], **turn}
        turns.append(turn)
    return tuple(turns)


def _turn(message: Any, where: str) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise _bad("a message is an object with a role", where)
    role = message.get("role")
    if role not in ROLES:
        raise _bad(f"the role must be one of {', '.join(ROLES)}", f"{where}.role")
    _refuse_unknown(message, role, where)
    turn: dict[str, Any] = {"role": "system" if role == "developer" else role}
    content = message.get("content")
    calls = message.get("tool_calls")
    if role == "assistant" and content is None and isinstance(message.get("refusal"), str):
        content = message["refusal"]
    if content is not None:
        turn["content"] = text_of_content(content, f"{where}.content")
    elif role == "assistant" and "content" in message and not calls:
        turn["content"] = ""  # of a turn that said nothing, as clients send it back
    elif role != "assistant" or not calls:
        raise _bad("the message has no content", f"{where}.content")
    if isinstance(message.get("name"), str):
        turn["name"] = message["name"][:200]
    if role == "assistant" and calls:
        turn["content"] = turn.get("content")
        turn["tool_calls"] = _calls(calls, f"{where}.tool_calls")
    if role == "tool":
        turn["tool_call_id"] = _text(message.get("tool_call_id"), f"{where}.tool_call_id")
    return turn


def _refuse_unknown(message: Mapping[str, Any], role: str, where: str) -> None:
    known = KEYS[role] | (_SENT_BACK if role == "assistant" else frozenset())
    for key, value in message.items():
        if key not in known and value is not None:
            raise _bad(f"a {role} message has no '{key[:80]}'", f"{where}.{key[:80]}", code="unknown_parameter")


def text_of_content(content: Any, where: str) -> str:
    """A content's text: as it stands, or of its parts one after the other."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _bad("content is a text or a list of parts", where)
    said = []
    for place, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind not in TEXT_PARTS:
            told = f"'{str(kind)[:40]}'" if kind is not None else "of no type"
            raise _bad(f"a part {told} is no text, and this server reads texts only", f"{where}[{place}]", code="unsupported_value")
        said.append(_text(part.get("refusal" if kind == "refusal" else "text"), f"{where}[{place}].text"))
    return "".join(said)


def _calls(given: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(given, list):
        raise _bad("tool_calls is a list", where)
    calls = []
    for place, call in enumerate(given):
        here = f"{where}[{place}]"
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or call.get("type", "function") != "function":
            raise _bad("a call is {id, type: function, function: {name, arguments}}", here)
        named = {"name": _text(function.get("name"), f"{here}.function.name")}
        named["arguments"] = _text(function.get("arguments", ""), f"{here}.function.arguments")
        calls.append({"id": _text(call.get("id"), f"{here}.id"), "type": "function", "function": named})
    return calls


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _bad("must be a text", where)
    return value


def _bad(problem: str, where: str, *, code: str = "invalid_value") -> Refused:
    return Refused(400, f"Invalid value for '{where}': {problem}.", param=where, code=code)
