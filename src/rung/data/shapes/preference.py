"""Preference pairs: the chosen answer is the target; without a prompt, it is what both conversations share."""

from __future__ import annotations

from typing import Any

from rung.data.read.rows import Row, RowError
from rung.data.shapes.conversation import as_messages, filled, split_answer
from rung.data.shapes.parts import Parts, tools_of, with_system

TITLE = "preference"
ORDER = 10
EXAMPLE = '{"prompt", "chosen", "rejected"}'
FIELDS = ("prompt", "chosen", "rejected", "system")


def fits(row: Row) -> bool:
    """Whether the row holds a pair of answers."""
    return "chosen" in row and "rejected" in row


def convert(row: Row) -> Parts:
    """The rejected answer is kept beside the chosen one."""
    tools, chosen, rejected = tools_of(row), row["chosen"], row["rejected"]
    if row.get("prompt") is None:
        asked, target = split_answer(as_messages(chosen))
        other, bad = split_answer(as_messages(rejected))
        if asked != other:
            raise RowError("the chosen and the rejected conversation differ before their last turn")
    else:
        asked = with_system(as_messages(row["prompt"]), row.get("system"))
        target, bad = _answer(chosen, "the chosen answer"), _answer(rejected, "the rejected answer")
    return Parts(messages=asked, target=target, tools=tools, rejected=bad)


def _answer(value: Any, what: str) -> Any:
    if isinstance(value, (list, dict)):
        return split_answer(as_messages(value))[1]
    return filled(value, what)
