"""Asked with tools at hand, and a target of its own: {"question", "function", "ground_truth"} or the like."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.conversation import as_messages
from rung.data.shapes.parts import TOOL_KEYS, Parts, as_target, tools_of, with_system

TITLE = "tool calls"
ORDER = 70
EXAMPLE = '{"question", "tools", "target"}'
QUESTION_KEYS = ("question", "query", "prompt", "instruction", "input")
TARGET_KEYS = ("target", "ground_truth", "answers", "answer", "calls", "tool_calls", "completion", "output")
FIELDS = (*QUESTION_KEYS, *TARGET_KEYS, "system")


def fits(row: Row) -> bool:
    """Whether the row has a question, tools and a target under any of their names."""
    question = next((key for key in QUESTION_KEYS if key in row), None)
    has_target = any(key in row for key in TARGET_KEYS if key != question)
    return question is not None and has_target and any(key in row for key in TOOL_KEYS)


def convert(row: Row) -> Parts:
    """The target is calls where it looks so, else what should be said."""
    tools = tools_of(row)
    question = next(key for key in QUESTION_KEYS if key in row)
    target = next(key for key in TARGET_KEYS if key in row and key != question)
    asked = with_system(as_messages(row[question]), row.get("system"))
    return Parts(messages=asked, target=as_target(row[target], tools, target), tools=tools)
