"""What a split left out, and what it drew where rows name their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rung.data.findings import in_rows
from rung.types import Example, Finding


def about_split(rows: Sequence[Example], examples: Sequence[Example]) -> list[Finding]:
    """Findings on what became of `rows`: `examples` are those that a split took."""
    return [*_unused(rows, examples), *_drawn(rows, examples)]


def _unused(rows: Sequence[Example], examples: Sequence[Example]) -> list[Finding]:
    """That the splits ask for fewer rows than there are."""
    count, asked = len(rows) - len(examples), ", ".join(f"{n} {c:,}" for n, c in Counter(row.split for row in examples).items())
    if not count:
        return []
    message = f"{in_rows(count)} of {len(rows):,} are in no split ({asked}) and take no part; train: rest would learn from them"
    return [Finding(severity="info", message=message, count=count)]


def _drawn(rows: Sequence[Example], examples: Sequence[Example]) -> list[Finding]:
    """That rows which name their own splits left one out, so that it was drawn from their train."""
    own = {row.split for row in rows}
    counts = Counter(row.split for row in examples if row.split not in own)
    if own == {""} or not counts:
        return []
    drawn = " and ".join(f"{name} ({in_rows(count)})" for name, count in counts.items())
    message = f"the rows name no {drawn} of their own: drawn from their train"
    return [Finding(severity="info", message=message, count=counts.total())]
