"""Lines of a file for supervised fine-tuning, in OpenAI's form: whole conversations, whose answers are to be learnt.

{"messages": [...], "tools": [...], "parallel_tool_calls": false}    a message of the assistant's with "weight": 0 is not learnt
{"prompt": ..., "completion": ...}                                   one question and its answer

Strict where a slip would teach something else than what was meant: a line that is not understood is refused, by its number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from rung.errors import did_you_mean

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
KNOWN = ("messages", "tools", "functions", "parallel_tool_calls", "prompt", "completion")
# What stands in rows that are for another method.
OF_PREFERENCE = ("preferred_output", "non_preferred_output", "chosen", "rejected")
FEWEST = 10
LONGEST_BYTES = 8 << 20
SHOWN = 60


class LineFault(ValueError):
    """A line that is none. The text says why, and begins with its number."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"Line {line}: {why}" if line else why)
        self.line, self.why = line, why


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One line. `learnt` are the places of the messages that are to be learnt; `unread` keys that nothing is made of.

    both  how many of the learnt ones say something and call as well: the calls alone are learnt
    """

    line: int
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    learnt: tuple[int, ...] = ()
    unread: tuple[str, ...] = ()
    both: int = 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row for each answer that is to be learnt: the conversation up to it."""
        bare = [{key: value for key, value in message.items() if key != "weight"} for message in self.messages]
        for place in self.learnt:
            yield {"messages": bare[: place + 1], **({"tools": list(self.tools)} if self.tools else {})}


def objects_of(stream: BinaryIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each line that is not blank as the object that it holds, with its number. Raises LineFault for one that holds none."""
    number = 0
    while raw := stream.readline(LONGEST_BYTES + 1):
        number += 1
        if len(raw) > LONGEST_BYTES:
            raise LineFault(number, f"it has more than {LONGEST_BYTES >> 20} MB; each line holds one example")
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if raw.strip():
            yield number, _object(number, raw)


def conversations_of(stream: BinaryIO) -> Iterator[Conversation]:
    """The lines of a file. Raises LineFault for the first that is none."""
    for number, row in objects_of(stream):
        yield conversation_of(number, row)


def count(stream: BinaryIO, fewest: int) -> int:
    """How many conversations a file holds. Raises LineFault for a line that is none, and for fewer than `fewest`."""
    found = sum(1 for _ in conversations_of(stream))
    if found < fewest:
        raise LineFault(0, f"the file has {found} example{'s'[: found != 1]}, and must have at least {fewest}")
    return found


def conversation_of(number: int, row: Mapping[str, Any]) -> Conversation:
    """What a line holds. Raises LineFault."""
    if found := [key for key in OF_PREFERENCE if key in row]:
        raise LineFault(number, f"it has '{found[0]}', which is for the method dpo: a supervised example has 'messages'")
    if "messages" not in row and "prompt" in row and "completion" in row:
        return _pair(number, row)
    if "messages" not in row:
        raise LineFault(number, f"it has no 'messages'. {did_you_mean('messages', row) if row else 'It is empty.'}")
    messages = row["messages"]
    if not isinstance(messages, list) or not messages:
        raise LineFault(number, "'messages' must be a list of at least one message")
    for place, message in enumerate(messages, 1):
        _check(number, place, message)
    learnt = tuple(place for place, message in enumerate(messages) if _is_learnt(message) and not _goes_on(messages, place))
    if messages[-1]["role"] != "assistant":
        raise LineFault(number, f"the last message must be the assistant's, and is the {messages[-1]['role']}'s")
    if not learnt:
        raise LineFault(number, "every message of the assistant's has the weight 0, so that nothing is to be learnt")
    if not any(message["role"] in ("user", "tool", "function") for message in messages[: learnt[0]]):
        raise LineFault(number, "no message of a user's stands before what is to be learnt")
    return Conversation(
        line=number,
        messages=tuple(_plain(message) for message in messages),
        tools=_tools(number, row),
        learnt=learnt,
        unread=tuple(key for key in row if key not in KNOWN),
        both=sum(bool(messages[place].get("tool_calls") and _said(messages[place])) for place in learnt),
    )


def _object(number: int, raw: bytes) -> Mapping[str, Any]:
    try:
        row = json.loads(raw.decode("utf-8"), parse_constant=_no_number)
        if b"\\u" in raw:
            json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError:
        raise LineFault(number, "it is not UTF-8") from None
    except UnicodeEncodeError:
        raise LineFault(number, "it holds half of a character (a surrogate without its other half)") from None
    except (ValueError, RecursionError) as error:
        shown = raw[:SHOWN].decode("utf-8", "replace").strip()
        whole = ". In a .jsonl each line is one object, with no list around them and no line break in it" if shown in "[{" else ""
        raise LineFault(number, f"it is no JSON ({str(error)[:SHOWN]}): {shown}{whole}") from None
    if not isinstance(row, dict):
        raise LineFault(number, f"it holds {type(row).__name__}, and must hold an object with 'messages'")
    return row


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _pair(number: int, row: Mapping[str, Any]) -> Conversation:
    for key in ("prompt", "completion"):
        if not isinstance(row[key], str) or not row[key].strip():
            raise LineFault(number, f"'{key}' must be a text that is not empty")
    asked, said = {"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"].strip()}
    unread = tuple(key for key in row if key not in KNOWN)
    return Conversation(line=number, messages=(asked, said), learnt=(1,), unread=unread)


def _check(number: int, place: int, message: Any) -> None:
    if not isinstance(message, dict):
        raise LineFault(number, f"message {place} is no object")
    role = message.get("role")
    if role not in ROLES:
        raise LineFault(number, f"message {place} has the role {role!r}. {did_you_mean(str(role), ROLES)}")
    if message.get("weight") is not None:
        if role != "assistant":
            raise LineFault(number, f"message {place} has a weight, which only the assistant's messages may have")
        if isinstance(message["weight"], bool) or message["weight"] not in (0, 1):
            raise LineFault(number, f"the weight of message {place} is {message['weight']!r}: it is 0 or 1")
    _check_content(number, place, message)
    if message.get("tool_calls") is not None:
        _check_calls(number, place, message["tool_calls"])


def _check_content(number: int, place: int, message: Mapping[str, Any]) -> None:
    role, content = message["role"], message.get("content")
    if isinstance(content, list):
        _check_parts(number, place, content)
    elif content is not None and not isinstance(content, str):
        raise LineFault(number, f"the content of message {place} is {type(content).__name__}, and must be a text")
    if _said(message):
        return
    if role == "assistant" and not (message.get("tool_calls") or message.get("function_call")):
        raise LineFault(number, f"message {place} is the assistant's, and says and calls nothing")
    if role == "user":
        raise LineFault(number, f"message {place} is the user's, and empty")


def _check_parts(number: int, place: int, parts: list[Any]) -> None:
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in ("text", "input_text", "output_text") or not isinstance(part.get("text"), str):
            raise LineFault(number, f"message {place} has a part of the type {kind!r}: only texts can be learnt from here")


def _check_calls(number: int, place: int, calls: Any) -> None:
    if not isinstance(calls, list) or not calls:
        raise LineFault(number, f"'tool_calls' of message {place} must be a list of calls")
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise LineFault(number, f"a call of message {place} has no function with a name")
        arguments = function.get("arguments", "{}")
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments or "{}")
            except (ValueError, RecursionError):
                raise LineFault(number, f"the arguments of '{function['name']}' in message {place} are no JSON") from None
        if not isinstance(arguments, dict):
            raise LineFault(number, f"the arguments of '{function['name']}' in message {place} are no object")


def _is_learnt(message: Mapping[str, Any]) -> bool:
    return bool(message["role"] == "assistant" and message.get("weight") in (None, 1))


def _goes_on(messages: Sequence[Mapping[str, Any]], place: int) -> bool:
    """Whether the assistant goes on in its next message, which is learnt with this one: they are one answer."""
    following = messages[place + 1] if place + 1 < len(messages) else None
    calls = messages[place].get("tool_calls") or messages[place].get("function_call")
    return following is not None and not calls and _is_learnt(following)


def _said(message: Mapping[str, Any]) -> bool:
    """Whether it has a text that is not blank."""
    content = message.get("content")
    texts = [str(part["text"]) for part in content] if isinstance(content, list) else [content or ""]
    return any(text.strip() for text in texts)


def _plain(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message whose content is one text, under the roles of today."""
    content = message.get("content")
    text = "".join(part["text"] for part in content) if isinstance(content, list) else content or ""
    return {**message, "content": text, "role": {"function": "tool"}.get(message["role"], message["role"])}


def _tools(number: int, row: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    given = row.get("tools") or [{"type": "function", "function": function} for function in row.get("functions") or ()]
    if not isinstance(given, list) or not all(isinstance(tool, dict) and isinstance(tool.get("function"), dict) for tool in given):
        raise LineFault(number, '\'tools\' must be a list of {"type": "function", "function": {...}}')
    return tuple(given)
