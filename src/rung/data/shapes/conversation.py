"""Conversations in one form: OpenAI messages of plain text, with tool calls whose arguments are objects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rung.data.calls import as_calls
from rung.data.read.rows import RowError
from rung.data.shapes.turns import Turn, holds_turns, listed, turns_of


def as_messages(value: Any) -> list[dict[str, Any]]:
    """A row's conversation. `value` is text (one user message), a list of messages, their JSON text, or a list of turns of which
    the first is a list of messages. Raises RowError."""
    if isinstance(value, str) and not holds_turns(value):
        return [{"role": "user", "content": filled(value, "the input")}]
    return [turn.message for turn in as_turns(value)]


def as_turns(value: Any, *, unnamed: bool = False) -> list[Turn]:
    """The turns of a conversation that is no plain text; with `unnamed` texts by turns are such. Raises RowError."""
    entries = listed(value)
    if entries is None:
        raise RowError(f"the conversation is {type(value).__name__}, neither text nor a list of messages")
    if entries and isinstance(entries[0], list) and (not entries[0] or isinstance(entries[0][0], dict)):
        if len(entries) > 1:
            raise RowError(f"the conversation has {len(entries)} turns of questions; one is understood")
        entries = entries[0]
    if not entries:
        raise RowError("the conversation is empty")
    return turns_of(entries, unnamed=unnamed)


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
