"""Rows of cells as a Markdown table: what each value is of stands in the first row, and is told again above later pieces of it."""

from __future__ import annotations

from collections.abc import Sequence


def table_text(rows: Sequence[Sequence[str]], *, headed: bool = True) -> str:
    """Lines of `| a | b |`, the first of them over a line of dashes; not `headed`, an empty one.

    Each cell is one line; rows without any text are left out.
    """
    filled = [[_cell(cell) for cell in row] for row in rows]
    filled = [row for row in filled if any(row)]
    if not filled:
        return ""
    width = max(map(len, filled))
    lines = [f"| {' | '.join([*row, *[''] * (width - len(row))])} |" for row in filled]
    if width == 1:
        return "\n".join(row[0] for row in filled)
    lines = lines if headed else [f"|{'  |' * width}", *lines]
    return "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
