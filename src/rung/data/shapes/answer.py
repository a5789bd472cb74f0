"""An answer made of several columns: the names of those that are marked, or one object with what each of them says.

Columns are marks where the whole file has nothing else in them than two words for it (1 and 0, true and false, yes and no), or one
word and blanks: the answer is then the list of the columns' names that are marked, empty where none is. Anything else is an object;
what is empty in a row is left out of it: missing is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rung.data.read.rows import ReadRow, Row, RowError
from rung.data.read.where import as_text
from rung.data.shapes.cells import is_empty

MARKED = frozenset(("1", "1.0", "true", "yes", "y", "x", "t"))
UNMARKED = frozenset(("0", "0.0", "false", "no", "n", "f"))


@dataclass(frozen=True, kw_only=True)
class Marks:
    """How columns are marked. `blanks`: a blank cell is not marked, since no cell says so in a word."""

    blanks: bool


def marks_of(rows: Sequence[ReadRow], columns: Sequence[str]) -> Marks | None:
    """How the columns are marked, over the whole file; None where they hold anything else, or there is one column."""
    if len(columns) < 2:
        return None
    said = {"" if is_empty(row.get(name)) else as_text(row[name]).casefold() for _, row in rows for name in columns}
    words = said - {""}
    if not words & MARKED or not words <= MARKED | UNMARKED:
        return None
    return Marks(blanks=not words & UNMARKED)


def answer_of(row: Row, columns: Sequence[str], marks: Marks | None) -> Any:
    """A row's answer by several columns. Raises RowError where nothing is said, or a mark is missing."""
    filled = {name: row[name] for name in columns if not is_empty(row.get(name))}
    if marks is None:
        if not filled:
            raise RowError(f"the target is empty: all of {', '.join(columns)}")
        return {name: value.strip() if isinstance(value, str) else value for name, value in filled.items()}
    absent = [name for name in columns if name not in filled]
    if absent and not marks.blanks:
        raise RowError(f"the target ({absent[0]}) is empty: neither marked nor not")
    return [name for name in columns if name in filled and as_text(filled[name]).casefold() in MARKED]
