"""What a row asks, where the answers stand in fields of their own: a prompt, a question with what it is about, a conversation."""

from __future__ import annotations

from typing import Any

from rung.data.inferred import Inference
from rung.data.read.rows import Row, RowError
from rung.data.shapes.answered import conversation_of
from rung.data.shapes.conversation import filled
from rung.data.shapes.fields import CONVERSATION_KEYS, QUESTION_KEYS
from rung.data.shapes.marked import asks, cut, marked
from rung.data.shapes.parts import refuse_media, with_system
from rung.data.shapes.turns import holds_texts, holds_turns

# Beside an instruction or a question, what it is about.
ABOUT_KEYS = ("input", "context", "passage")
Asked = tuple[list[dict[str, Any]], tuple[Inference, ...]]


def question_key(row: Row) -> str | None:
    """The field that asks: a conversation or a text, under the names that such fields have."""
    keys = [key for key in (*CONVERSATION_KEYS, *QUESTION_KEYS) if row.get(key) not in (None, "", [])]
    return next((key for key in keys if isinstance(row[key], str) or holds_turns(row[key])), None)


def asked_of(row: Row) -> Asked:
    """The conversation that the row asks to go on with, behind its system message and its history. Raises RowError."""
    key = question_key(row)
    if key is None:
        raise RowError("no field asks anything")
    messages, notes = asked_in(row[key], f"the {key}")
    about = next((row[name] for name in ABOUT_KEYS if name != key and isinstance(row.get(name), str) and row[name].strip()), None)
    if about and key in QUESTION_KEYS and len(messages) == 1 and key != "prompt":
        messages = [{**messages[0], "content": f"{messages[0]['content']}\n\n{about}"}]
    messages = with_system([*history_of(row), *messages], row.get("system") or row.get("system_prompt"))
    refuse_media(row, messages)
    return messages, notes


def asked_in(value: Any, what: str) -> Asked:
    """A field as a conversation to go on with: messages, a text cut where it ends with the mark of an answer, or one question."""
    if not isinstance(value, str) or holds_turns(value):
        conversation = conversation_of(value)
        return conversation.messages, tuple(conversation.notes)
    found = cut(value)
    if found is not None and asks(found[1]):
        return found[1][:-1], (marked(found[0]),)
    return [{"role": "user", "content": filled(value, what)}], ()


def history_of(row: Row) -> list[dict[str, Any]]:
    """The turns before: pairs of question and answer, texts by turns, or messages. Raises RowError."""
    value = row.get("history")
    if not value or not (holds_texts(value) or holds_turns(value)):
        if value and not isinstance(value, str):
            raise RowError("the history is no list of pairs [question, answer]")
        return []
    return conversation_of(value).messages
