"""What blank cells of named columns were taken for, which nobody said."""

from __future__ import annotations

from collections.abc import Sequence

from rung.data.findings import in_rows
from rung.data.read.rows import ReadRow
from rung.data.shapes.answer import marks_of
from rung.data.shapes.cells import is_empty
from rung.data.shapes.columns import Columns
from rung.types import Finding


def blanks(rows: Sequence[ReadRow], columns: Columns) -> tuple[Finding, ...]:
    """That some cells of a question of several columns are left out of it, and that blanks are taken for not marked."""
    told = []
    inputs = columns.inputs()
    if len(inputs) > 1:
        asked = [row for _, row in rows if not all(is_empty(row.get(name)) for name in inputs)]
        counts = {name: sum(is_empty(row.get(name)) for row in asked) for name in inputs}
        empty = ", ".join(f"'{name}' in {in_rows(count)}" for name, count in counts.items() if count)
        told += [f"what is empty is left out of the question: {empty}"] if empty else []
    marks = marks_of(rows, columns.targets())
    if marks is not None and marks.blanks:
        told.append(f"blanks under {', '.join(columns.targets())} are taken for not marked, since no cell there says no or 0")
    return tuple(Finding(severity="info", message=message, check="blanks") for message in told)
