"""Preference pairs as OpenAI's fine-tuning API takes them."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes import preference
from rung.data.shapes.parts import Parts

TITLE = "openai preference"
ORDER = 20
EXAMPLE = '{"input": {"messages"}, "preferred_output", "non_preferred_output"}'
FIELDS = ("input", "preferred_output", "non_preferred_output")


def fits(row: Row) -> bool:
    """Whether the row has the API's three fields."""
    asked = row.get("input")
    return isinstance(asked, dict) and "messages" in asked and {"preferred_output", "non_preferred_output"} <= set(row)


def convert(row: Row) -> Parts:
    """The same pair under the names that most files use."""
    given = row["input"]
    pair = {"chosen": row["preferred_output"], "rejected": row["non_preferred_output"]}
    return preference.convert({"prompt": given["messages"], "tools": given.get("tools"), **pair})
