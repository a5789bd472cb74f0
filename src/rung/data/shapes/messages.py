"""A whole OpenAI conversation, whose last assistant turn is the target unless a `target` field stands beside it."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.conversation import as_messages, split_answer
from rung.data.shapes.parts import Parts, as_target, refuse_answered, tools_of

TITLE = "messages"
ORDER = 30
EXAMPLE = '{"messages": [...]}'
FIELDS = ("messages", "target")


def fits(row: Row) -> bool:
    """Whether the row holds a conversation under that name."""
    return "messages" in row


def convert(row: Row) -> Parts:
    """The conversation up to its answer, and the answer."""
    messages, tools = as_messages(row["messages"]), tools_of(row)
    if "target" in row:
        refuse_answered(messages)
        return Parts(messages=messages, target=as_target(row["target"], tools, "target"), tools=tools)
    asked, answer = split_answer(messages)
    return Parts(messages=asked, target=answer, tools=tools)
