"""ShareGPT's conversations: turns with `from` and `value`."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.answered import answered, answered_beside
from rung.data.shapes.fields import answer_beside, is_conversation
from rung.data.shapes.parts import Parts

TITLE = "sharegpt"
ORDER = 40
EXAMPLE = '{"conversations": [{"from", "value"}]}'
FIELDS = ("conversations", "system")


def fits(row: Row) -> bool:
    """Whether the row holds a conversation under that name."""
    return is_conversation(row, "conversations")


def convert(row: Row) -> Parts:
    """The conversation up to its last turn, and what that says."""
    beside = answer_beside(row, "conversations")
    return answered_beside(row["conversations"], row, beside) if beside else answered(row["conversations"], row)
