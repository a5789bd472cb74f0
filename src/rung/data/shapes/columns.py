"""Rows whose fields do not say what they are: `data.columns` names them."""

from __future__ import annotations

from collections.abc import Mapping

from rung.data.calls import as_calls, as_tools
from rung.data.read.rows import RowError
from rung.data.shapes.conversation import as_messages, check_question
from rung.data.shapes.parts import Parts, Row, as_target, refuse_answered, with_system

COLUMN_KEYS = ("input", "target", "id", "group", "origin", "split", "system", "tools", "gold", "calls")


def from_columns(row: Row, columns: Mapping[str, str]) -> Parts:
    """A row understood by `data.columns`, which names the input's and the target's columns. Raises RowError."""
    absent = [name for key, name in columns.items() if key in ("input", "target") and name not in row]
    if absent:
        raise RowError(f"no field '{absent[0]}'")
    tools = as_tools(row.get(columns["tools"])) if "tools" in columns else ()
    asked = with_system(as_messages(row[columns["input"]]), row.get(columns.get("system", "")))
    refuse_answered(asked)
    # The calls that lead to the target, where the task brings the tools: not what is asked for, so no part of the target.
    calls = row.get(columns["calls"]) if "calls" in columns else None
    told = None if calls in (None, "") else tuple(as_calls(calls, ()))
    target = as_target(row[columns["target"]], tools, columns["target"])
    check_question(asked)
    return Parts(messages=asked, target=target, tools=tools, calls=told)
