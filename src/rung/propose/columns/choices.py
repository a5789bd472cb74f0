"""Whether an answer names one of its row's options otherwise than by the letter that is shown."""

from __future__ import annotations

from rung.data.read.rows import ReadRow
from rung.data.read.where import as_text
from rung.data.shapes.cells import is_empty
from rung.data.shapes.columns import Columns
from rung.data.shapes.letters import LETTERS, letters_of, options_of
from rung.errors import UserError
from rung.propose.columns.column import Rows

FEWEST_OPTIONED = 0.9  # of the rows, that list options
LOOKED_AT = 200  # rows, of which one at least must list options before all are looked at


def letters_for(rows: Rows, columns: Columns) -> str:
    """`letters` where the answer is an option's text, its place, or marks of several kinds; "" where there are no options, or the
    answer is their letter already."""
    question, target = columns.input, columns.target
    if question is None or not isinstance(target, str):
        return ""
    first = [row for row in rows[:LOOKED_AT] if not is_empty(row.get(target))]
    if first and not any(options_of(row, question) for row in first):
        return ""
    asked = [row for row in rows if not is_empty(row.get(target))]
    optioned = [row for row in asked if options_of(row, question)]
    if not optioned or len(optioned) < FEWEST_OPTIONED * len(asked):
        return ""
    try:
        way = letters_of([ReadRow(at, row) for at, row in enumerate(optioned, start=1)], question, target)
    except UserError:
        return ""
    shown = {letter for row in optioned for letter, _ in options_of(row, question)}
    return "" if way.way == "mark" and {as_text(row[target]) for row in asked} <= shown else LETTERS
