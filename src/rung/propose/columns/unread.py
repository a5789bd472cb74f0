"""Columns that rows have beside their shape's fields, of which one could be the answer instead."""

from __future__ import annotations

from collections.abc import Mapping

from rung.data.inferred import Inference
from rung.data.shapes.feedback import MARK_KEYS
from rung.data.shapes.fields import ASIDE
from rung.data.shapes.recognise import shape_fields
from rung.propose.columns.column import Column

MOST_TOLD = 3
LARGEST_SHARE = 0.98  # of the rows, that one value may have: what says the same everywhere is nothing to ask for


def unread(columns: Mapping[str, Column], titles: tuple[str, ...]) -> tuple[Inference, ...]:
    """What is told of them: a closed set of values beside question and answer is another task on the same rows."""
    known = shape_fields(titles)
    classes = [
        column
        for name, column in columns.items()
        if name not in known and name.casefold() not in (*ASIDE, *MARK_KEYS) and column.is_closed_set and _varies(column)
    ][:MOST_TOLD]
    if not classes:
        return ()
    told = ", ".join(f"{column.name} ({len(column.values)} values)" for column in classes)
    change = "; or ".join(f"--target {column.name}" for column in classes)
    because = f"the rows, shaped {titles[0]}, say themselves what is asked and answered, and these columns hold few values"
    return (Inference(about="other target", taken=f"{told} could be the answer instead", because=because, change=change),)


def _varies(column: Column) -> bool:
    return column.values.most_common(1)[0][1] <= LARGEST_SHARE * column.filled and column.share_filled > 1 / 2
