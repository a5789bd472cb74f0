"""The turns of a conversation, in whichever form a file has them: who speaks, what is said, which calls are made.

{"role", "content"}, {"from", "value"}, {"speaker", "text"}, ...      one object a turn
{"human": ..., "assistant": ...}, {"input": ..., "output": ...}       one object an exchange
["question", "answer"] in a list, or texts by turns in one list       no names at all: the first is the user's
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.data.calls import as_calls
from rung.data.read.rows import RowError
from rung.data.shapes.blocks import Held, held_in, result_text
from rung.errors import did_you_mean

ROLES = ("system", "developer", "user", "assistant", "tool")
ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
TEXT_KEYS = ("content", "value", "text", "message", "utterance", "body", "parts")
_USER = "human user customer client prompter questioner caller patient student visitor"
_ASSISTANT = (
    "assistant gpt chatgpt model bot chatbot bing ai agent llm bard claude gemini operator support advisor representative doctor "
    "therapist counselor tutor teacher"
)
_TOOL = "tool function observation function_response tool_response function_result tool_result ipython environment"
# Names for who speaks, in small letters.
SPEAKERS = {
    **dict.fromkeys(_USER.split(), "user"),
    **dict.fromkeys(_ASSISTANT.split(), "assistant"),
    **dict.fromkeys(_TOOL.split(), "tool"),
    "function response": "tool",
    "tool response": "tool",
    **{role: role for role in ROLES},
}
CALL_SPEAKERS = ("function_call", "tool_call", "tool_calls", "function_calls")
# What an exchange is called where one object holds question and answer, in the order in which they are said.
EXCHANGE = (
    ("system", "system"),
    *((name, "user") for name in ("human", "user", "customer", "question", "input", "prompt", "instruction", "query")),
    *((name, "assistant") for name in ("assistant", "gpt", "bot", "agent", "ai", "model", "answer", "output", "response", "reply")),
)
MOST_PYTHON = 100_000  # characters of a printed list: Python's own parser is made for programs of reasonable shape


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A message in OpenAI's form, and whether it is to be learnt: a weight of 0 says that it is not."""

    message: dict[str, Any]
    learnt: bool = True


def role_of(name: str) -> str | None:
    """Which of our roles a speaker's name is, None for a name that is nobody's."""
    return SPEAKERS.get(" ".join(name.casefold().split()))


def listed(value: Any) -> list[Any] | None:
    """A list, or the one that a cell holds as JSON or as Python prints it, or that an object keeps as its messages; else None."""
    if isinstance(value, Mapping):
        return value["messages"] if isinstance(value.get("messages"), list) and not _has_role(value) else [value]
    if isinstance(value, list):
        return value
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return None
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        decoded = _printed(value)
    return listed(decoded) if isinstance(decoded, list | Mapping) else None


def holds_turns(value: Any) -> bool:
    """Whether a value is a conversation of objects or of exchanges: told by its first turn, as a slip further on is a bad row.

    One object with no list around it may as well be an answer in JSON, which has keys of its own: {"sender": ..., "subject": ...},
    {"from": ..., "body": ...} or {"answer": ...} is nobody's turn.
    """
    entries = listed(value)
    if not entries:
        return False
    turns = entries[0] if isinstance(entries[0], list) else entries
    if not turns or not isinstance(turns[0], Mapping):
        return False
    if _is_one_object(value):
        return _speaks(turns[0]) or (isinstance(value, Mapping) and len(turns[0]) > 1 and bool(_exchange(turns[0])))
    if _has_role(turns[0]):
        return any(key in turns[0] for key in TEXT_KEYS) or any(map(_speaks, turns))
    return bool(_exchange(turns[0]))


def names_speakers(value: Any) -> bool:
    """Whether a value is a list of objects of which the first names a speaker."""
    entries = listed(value)
    return entries is not None and bool(entries) and isinstance(entries[0], Mapping) and _has_role(entries[0])


def holds_texts(value: Any) -> bool:
    """Whether a value is a list of texts, or of pairs of texts, that may be turns."""
    entries = listed(value)
    if not entries:
        return False
    pairs = all(isinstance(entry, list) and len(entry) == 2 and _texts(entry) for entry in entries)
    return pairs or (len(entries) > 1 and _texts(entries))


def turns_of(entries: Sequence[Any], *, unnamed: bool = False) -> list[Turn]:
    """The turns of a conversation; with `unnamed` also of texts by turns. Raises RowError, with the number of the message that is
    wrong."""
    if unnamed and holds_texts(entries):
        texts = [text for entry in entries for text in (entry if isinstance(entry, list) else [entry])]
        return [_said("assistant" if number % 2 else "user", text) for number, text in enumerate(texts)]
    return [turn for number, entry in enumerate(entries, start=1) for turn in _turns(entry, number)]


def _printed(text: str) -> Any:
    """What a cell holds that was written with Python's own words, as a table of lists saved as CSV is."""
    if len(text) > MOST_PYTHON:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _texts(entries: Sequence[Any]) -> bool:
    return all(isinstance(entry, str) for entry in entries)


def _has_role(entry: Mapping[str, Any]) -> bool:
    return any(key in entry for key in ROLE_KEYS[:2]) or any(isinstance(entry.get(key), (str, Mapping)) for key in ROLE_KEYS[2:])


def _is_one_object(value: Any) -> bool:
    """An object, or its text, that keeps no messages."""
    entries = listed(value)
    alone = isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip().startswith("{"))
    return alone and entries is not None and (entries[0] is value or isinstance(value, str)) and len(entries) == 1


def _speaks(entry: Any) -> bool:
    """Whether it is a turn of somebody's whose name is known."""
    if not isinstance(entry, Mapping) or not _has_role(entry):
        return False
    named = _named(entry)
    return role_of(named) is not None or named.casefold() in CALL_SPEAKERS


def _exchange(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an object that is a whole exchange says, by role; empty where it is none."""
    by_name = {str(key).casefold(): said for key, said in entry.items()}
    found = [(role, by_name[name]) for name, role in EXCHANGE if isinstance(by_name.get(name), str)]
    return found if {"user", "assistant"} <= {role for role, _ in found} or (len(found) == len(entry) == 1) else []


def _said(role: str, text: str) -> Turn:
    return Turn(message={"role": role, "content": text})


def _turns(entry: Any, number: int) -> list[Turn]:
    if not isinstance(entry, Mapping):
        raise RowError(f"message {number} is not an object")
    if not _has_role(entry):
        exchange = _exchange(entry)
        if not exchange:
            raise RowError(f"message {number} has no role")
        return [_said(role, text) for role, text in exchange if text.strip()]
    named = _named(entry)
    content = next((entry[key] for key in TEXT_KEYS if entry.get(key) is not None), None)
    learnt = _is_learnt(entry)
    if named.casefold() in CALL_SPEAKERS:
        return [Turn(message={"role": "assistant", "content": "", "tool_calls": _tool_calls(content)}, learnt=learnt)]
    role = role_of(named)
    if role is None:
        raise RowError(f"message {number} has the role '{named}'. {did_you_mean(named, ROLES)}")
    if role == "tool" and not isinstance(content, str):
        return _tool_turns(entry, content, number)
    return _spoken(role, entry, held_in(content, number), learnt)


def _named(entry: Mapping[str, Any]) -> str:
    value = next(entry[key] for key in ROLE_KEYS if key in entry)
    return str(value.get("role", value.get("name")) if isinstance(value, Mapping) else value)


def _is_learnt(entry: Mapping[str, Any]) -> bool:
    marks = [entry[key] for key in ("weight", "train", "loss") if isinstance(entry.get(key), (bool, int, float))]
    return all(marks)


def _spoken(role: str, entry: Mapping[str, Any], held: Held, learnt: bool) -> list[Turn]:
    """A turn of somebody's, and before it the results that it hands over."""
    turns = [_result(result.text, result.call_id, result.name) for result in held.results]
    calls = entry.get("tool_calls") or ([{"function": entry["function_call"]}] if entry.get("function_call") else None)
    calls = calls or held.calls
    if turns and not calls and not held.text.strip():
        return turns
    message: dict[str, Any] = {"role": role, "content": held.text}
    if calls:
        message["tool_calls"] = _tool_calls(calls)
    message |= {key: str(entry[key]) for key in ("tool_call_id", "name") if entry.get(key)}
    return [*turns, Turn(message=message, learnt=learnt)]


def _tool_turns(entry: Mapping[str, Any], content: Any, number: int) -> list[Turn]:
    """A tool's turn whose content is parts, results of several calls, or plain JSON."""
    is_parts = isinstance(content, list) and content and all(isinstance(part, Mapping) for part in content)
    held = held_in(content, number) if is_parts and any("type" in part or len(part) == 1 for part in content) else Held()
    if held.results:
        return [_result(result.text, result.call_id, result.name) for result in held.results]
    text = "" if content is None else result_text(content, number)
    return [_result(text, str(entry.get("tool_call_id") or ""), str(entry.get("name") or ""))]


def _result(text: str, call_id: str, name: str) -> Turn:
    known = {key: value for key, value in (("tool_call_id", call_id), ("name", name)) if value}
    return Turn(message={"role": "tool", "content": text, **known})


def _tool_calls(value: Any) -> list[dict[str, Any]]:
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in value] if isinstance(value, list) else [None]
    calls = as_calls(value)
    ids += [None] * (len(calls) - len(ids))
    return [
        ({"id": str(name)} if name else {}) | {"type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
        for name, c in zip(ids, calls, strict=False)
    ]
