"""Google's conversations: `contents` with `parts`, and a `systemInstruction` beside them."""

from __future__ import annotations

from typing import Any

from rung.data.read.rows import Row
from rung.data.shapes.answered import answered, answered_beside
from rung.data.shapes.blocks import held_in
from rung.data.shapes.fields import answer_beside, is_conversation
from rung.data.shapes.parts import Parts

TITLE = "contents"
ORDER = 42
EXAMPLE = '{"contents": [{"role", "parts"}]}'
FIELDS = ("contents", "systemInstruction", "system_instruction")


def fits(row: Row) -> bool:
    """Whether the row holds a conversation under that name."""
    return is_conversation(row, "contents")


def convert(row: Row) -> Parts:
    """The conversation up to its answer, and the answer."""
    told: Any = row.get("systemInstruction") or row.get("system_instruction") or row.get("system")
    given = {**row, "system": held_in(told, 0).text}
    beside = answer_beside(row, "contents")
    return answered_beside(row["contents"], given, beside) if beside else answered(row["contents"], given)
