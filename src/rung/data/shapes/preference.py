"""Preference pairs: the chosen answer is the target; without a prompt, it is what both conversations share."""

from __future__ import annotations

from typing import Any

from rung.data.read.rows import Row, RowError
from rung.data.shapes.answered import conversation_of
from rung.data.shapes.asked import Asked, asked_of, question_key
from rung.data.shapes.conversation import filled, split_answer
from rung.data.shapes.marked import cut, is_answered, marked
from rung.data.shapes.parts import Parts, tools_of, with_system
from rung.data.shapes.turns import holds_turns

TITLE = "preference"
ORDER = 10
EXAMPLE = '{"prompt", "chosen", "rejected"}'
NAMES = (
    ("chosen", "rejected"),
    ("chosen_messages", "rejected_messages"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("preferred", "dispreferred"),
    ("preferred_response", "dispreferred_response"),
    ("accepted", "rejected"),
)
_NAMED = tuple(name for pair in NAMES for name in pair)
FIELDS = (*_NAMED, "prompt", "system", "question", "instruction", "input", "messages", "conversations")


def fits(row: Row) -> bool:
    """Whether the row holds a pair of answers."""
    names = _names(row)
    return names is not None and all(row[key] is None or isinstance(row[key], str) or holds_turns(row[key]) for key in names)


def convert(row: Row) -> Parts:
    """The rejected answer is kept beside the chosen one."""
    good, worse = (row[key] for key in _names(row) or NAMES[0])
    chosen, rejected = _whole(good, row), _whole(worse, row)
    if chosen is not None and rejected is not None:
        return _of_conversations(chosen, rejected, row)
    if question_key(row) is None:
        raise RowError("there is no prompt, and the two answers are no conversations with a question in them")
    asked, notes = asked_of(row)
    if asked[-1]["role"] == "assistant":
        asked = asked[:-1]  # the conversation as it went on, of which the pair is the last answer
    target, bad = _answer(good, "the chosen answer"), _answer(worse, "the rejected answer")
    return Parts(messages=asked, target=target, tools=tools_of(row), rejected=bad, inferences=notes)


def _names(row: Row) -> tuple[str, str] | None:
    """The fields of the better and the worse answer."""
    return next((names for names in NAMES if names[0] in row and names[1] in row), None)


def _of_conversations(chosen: Asked, rejected: Asked, row: Row) -> Parts:
    (asked, target), (other, bad) = split_answer(chosen[0]), split_answer(rejected[0])
    if asked != other:
        raise RowError("the chosen and the rejected conversation differ before their last turn")
    asked = with_system(asked, row.get("system"))
    return Parts(messages=asked, target=target, tools=tools_of(row), rejected=bad, inferences=chosen[1])


def _whole(value: Any, row: Row) -> Asked | None:
    """A whole conversation, question and all, as messages or, where nothing else asks, as a text with marks; else None."""
    if isinstance(value, str) and not holds_turns(value):
        found = cut(value) if question_key(row) is None else None
        return (found[1], (marked(found[0]),)) if found and is_answered(found[1]) else None
    if not holds_turns(value):
        return None
    conversation = conversation_of(value)
    asking = any(message["role"] == "user" for message in conversation.messages)
    return (conversation.messages, tuple(conversation.notes)) if asking else None


def _answer(value: Any, what: str) -> Any:
    if isinstance(value, (list, dict)) or holds_turns(value):
        return split_answer(conversation_of(value).messages)[1]
    return filled(value, what)
