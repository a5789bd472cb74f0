"""A whole OpenAI conversation, whose last assistant turn is the target unless a `target` field stands beside it."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.answered import answered, answered_beside
from rung.data.shapes.fields import answer_beside, is_conversation
from rung.data.shapes.parts import Parts

TITLE = "messages"
ORDER = 30
EXAMPLE = '{"messages": [...]}'
FIELDS = ("messages", "target", "system")


def fits(row: Row) -> bool:
    """Whether the row holds a conversation under that name, and no class of it beside."""
    return is_conversation(row, "messages")


def convert(row: Row) -> Parts:
    """The conversation up to its answer, and the answer."""
    beside = "target" if "target" in row else answer_beside(row, "messages")
    return answered_beside(row["messages"], row, beside) if beside else answered(row["messages"], row)
