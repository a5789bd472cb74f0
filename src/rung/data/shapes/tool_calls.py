"""Asked with tools at hand, and a target of its own: {"question", "function", "ground_truth"} or the like."""

from __future__ import annotations

from typing import Any

from rung.data.read.rows import Row
from rung.data.shapes.conversation import as_messages
from rung.data.shapes.parts import TOOL_KEYS, Parts, as_target, tools_of, with_system
from rung.data.shapes.turns import holds_turns

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
    return question is not None and has_target and _asks(row[question]) and any(_tools(row[key]) for key in TOOL_KEYS if key in row)


def convert(row: Row) -> Parts:
    """The target is calls where it looks so, else what should be said."""
    tools = tools_of(row)
    question = next(key for key in QUESTION_KEYS if key in row)
    target = next(key for key in TARGET_KEYS if key in row and key != question)
    asked = with_system(as_messages(row[question]), row.get("system"))
    return Parts(messages=asked, target=as_target(row[target], tools, target), tools=tools)


def _asks(value: Any) -> bool:
    return not isinstance(value, list) or not value or isinstance(value[0], list) or holds_turns(value)


def _tools(value: Any) -> bool:
    """Whether a field may hold tools: none, objects, or JSON text of them; a `function` that is program text holds none."""
    if isinstance(value, str):
        return not value.strip() or value.lstrip().startswith(("[", "{"))
    return value is None or isinstance(value, dict) or (isinstance(value, list) and all(isinstance(tool, dict) for tool in value))
