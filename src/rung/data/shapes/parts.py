"""What a shape makes of a row, and what shapes share in doing so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rung.data.call_texts import calls_of
from rung.data.calls import as_tools
from rung.data.inferred import Inference
from rung.data.read.rows import Row, RowError
from rung.parts import Gold

TOOL_KEYS = ("tools", "functions", "function")
MEDIA_KEYS = ("image", "images", "video", "videos", "audio", "audios")
_MEDIA_MARK = re.compile(r"<(image|video|audio)\d*>|<\|(image|video|audio)(?:_\d+)?\|>")


class LeftOut(RowError):
    """A row that is good and takes no part; rows are counted by the text, `rows with ...`."""


@dataclass(frozen=True, kw_only=True)
class CallTurn:
    """What was asked before a turn that calls, and its calls."""

    asked: tuple[dict[str, Any], ...]
    calls: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a row says, before ids, groups and splits: `target` is text, a number, an object, or a list of tool calls.

    `call` is the turn that called, where the target is what was said once its results were there.
    `went_on` counts the user's turns behind the answer, which no answer follows.
    `inferences` are what was taken to be so in reading this row; a file's are told once, with the number of their rows.
    """

    messages: list[dict[str, Any]]
    target: Any
    tools: tuple[dict[str, Any], ...] = ()
    gold: tuple[Gold, ...] = ()
    calls: tuple[Mapping[str, Any], ...] | None = None
    rejected: Any = None
    call: CallTurn | None = None
    went_on: int = 0
    inferences: tuple[Inference, ...] = ()


def as_target(value: Any, tools: tuple[dict[str, Any], ...], name: str) -> Any:
    """What the field `name` says is right: calls where the row has tools and they look so, else the value. Raises RowError."""
    if tools and value is not None and (calls := calls_of(value, tools)) is not None:
        return calls
    if isinstance(value, Mapping) and set(value) == {"text", "answer_start"} and isinstance(value["text"], list):
        value = list(dict.fromkeys(value["text"])) or None  # an answer that is marked in a text, as it was marked by each
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowError(f"the target ({name}) is empty")
    return value.strip() if isinstance(value, str) else value


def with_system(messages: list[dict[str, Any]], system: Any) -> list[dict[str, Any]]:
    """The conversation behind its system message, unless it begins with one."""
    if not system or not str(system).strip() or messages[0]["role"] in ("system", "developer"):
        return messages
    return [{"role": "system", "content": str(system)}, *messages]


def refuse_answered(messages: list[dict[str, Any]]) -> None:
    """Raises RowError where the conversation of a row with a target ends in an answer."""
    if messages[-1]["role"] == "assistant":
        raise RowError("the row has both a target and a last assistant message; which one is right?")


def tools_of(row: Row) -> tuple[dict[str, Any], ...]:
    """The tools that a row brings along, under any of their names."""
    key = next((key for key in TOOL_KEYS if row.get(key)), None)
    return as_tools(row[key]) if key else ()


def refuse_media(row: Row, messages: list[dict[str, Any]]) -> None:
    """Raises RowError where the conversation shows a picture or plays a sound that stands beside it."""
    if not any(row.get(key) for key in MEDIA_KEYS):
        return
    for number, message in enumerate(messages, start=1):
        if found := _MEDIA_MARK.search(message["content"]):
            raise RowError(f"message {number} shows {found.group()}, which stands beside it; only text is understood")
