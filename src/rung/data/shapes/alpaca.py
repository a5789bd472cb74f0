"""Stanford Alpaca's rows: an instruction, what it is about, the output, and earlier turns as `history`."""

from __future__ import annotations

from rung.data.read.rows import Row
from rung.data.shapes.conversation import filled
from rung.data.shapes.parts import Parts, as_target, tools_of, with_system

TITLE = "alpaca"
ORDER = 60
EXAMPLE = '{"instruction", "input", "output"}'
FIELDS = ("instruction", "input", "output", "history", "system")


def fits(row: Row) -> bool:
    """Whether the row has an instruction and an output; an input is not always there."""
    return "instruction" in row and "output" in row


def convert(row: Row) -> Parts:
    """Instruction and input are one message, a blank line between them."""
    instruction, given = filled(row["instruction"], "the instruction"), row.get("input")
    text = f"{instruction}\n\n{filled(given, 'the input')}" if given not in (None, "") and str(given).strip() else instruction
    turns = [
        {"role": role, "content": str(said)}
        for pair in row.get("history") or []
        for role, said in zip(("user", "assistant"), pair, strict=False)
    ]
    asked, tools = with_system([*turns, {"role": "user", "content": text}], row.get("system")), tools_of(row)
    return Parts(messages=asked, target=as_target(row["output"], tools, "output"), tools=tools)
