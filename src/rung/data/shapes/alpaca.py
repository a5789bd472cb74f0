"""Stanford Alpaca's rows: an instruction, what it is about, the output, and earlier turns as `history`."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.asked import asked_of
from rung.data.shapes.conversation import filled
from rung.data.shapes.parts import Parts, as_target, tools_of

TITLE = "alpaca"
ORDER = 60
EXAMPLE = '{"instruction", "input", "output"}'
FIELDS = ("instruction", "input", "context", "output", "response", "history", "system")


def fits(row: Row) -> bool:
    """Whether the row has an instruction and an output, or Dolly's names: an instruction, a context, which may be empty, and a
    response."""
    return _text_or_none(row, "instruction") and _answer(row) is not None


def convert(row: Row) -> Parts:
    """Instruction and input are one message, a blank line between them."""
    answer, tools = _answer(row) or "", tools_of(row)
    given = {**row, "instruction": filled(row["instruction"], "the instruction")}
    if row.get("input") not in (None, "") and not isinstance(row["input"], str):
        given["input"] = filled(row["input"], "the input")
    asked, notes = asked_of({key: value for key, value in given.items() if key in FIELDS and key not in ("output", "response")})
    return Parts(messages=asked, target=as_target(row[answer], tools, answer), tools=tools, inferences=notes)


def _answer(row: Row) -> str | None:
    return "output" if "output" in row else "response" if {"context", "response"} <= set(row) else None


def _text_or_none(row: Row, key: str) -> bool:
    return key in row and (row[key] is None or isinstance(row[key], str))
