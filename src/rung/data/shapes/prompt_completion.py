"""A prompt and its completion, each text or messages."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.conversation import as_messages, split_answer
from rung.data.shapes.parts import Parts, as_target, tools_of, with_system

TITLE = "prompt/completion"
ORDER = 50
EXAMPLE = '{"prompt", "completion"}'
FIELDS = ("prompt", "completion", "system")


def fits(row: Row) -> bool:
    """Whether the row has both fields."""
    return "prompt" in row and "completion" in row


def convert(row: Row) -> Parts:
    """Blanks around a completion are dropped: OpenAI's older files put one before each."""
    asked, answer = as_messages(row["prompt"]), row["completion"]
    if isinstance(answer, list) and answer and isinstance(answer[0], dict) and "role" in answer[0]:
        between, target = split_answer(as_messages(answer))
        return Parts(messages=[*asked, *between], target=target, tools=tools_of(row))
    asked, tools = with_system(asked, row.get("system")), tools_of(row)
    return Parts(messages=asked, target=as_target(answer, tools, "completion"), tools=tools)
