"""ShareGPT's conversations: turns with `from` and `value`."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.conversation import as_messages, split_answer
from rung.data.shapes.parts import Parts, tools_of, with_system

TITLE = "sharegpt"
ORDER = 40
EXAMPLE = '{"conversations": [{"from", "value"}]}'
FIELDS = ("conversations", "system")


def fits(row: Row) -> bool:
    """Whether the row holds a conversation under that name."""
    return "conversations" in row


def convert(row: Row) -> Parts:
    """The conversation up to its last turn, and what that says."""
    asked, answer = split_answer(with_system(as_messages(row["conversations"]), row.get("system")))
    return Parts(messages=asked, target=answer, tools=tools_of(row))
