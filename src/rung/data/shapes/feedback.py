"""Answers that are marked good or bad, as for training on thumbs up and down: what is marked false is no answer to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.data.inferred import Inference
from rung.data.read.rows import Row
from rung.data.shapes.parts import Parts
from rung.json_form import digest

MARK_KEYS = ("label", "kto_tag", "desirable", "is_desirable", "is_good", "thumbs_up", "liked")
# Names that say of an answer that it is good or bad, whatever the answer is called.
PLAIN_MARKS = MARK_KEYS[1:]
WORDS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
Marked = Sequence[tuple[Row, Parts]]


def mark_of(rows: Marked) -> str | None:
    """The field that marks each answer, where all rows have one of its names and a truth value in it, and some are false."""
    if not rows:
        return None
    for key in MARK_KEYS:
        marks = [_mark(row.get(key)) for row, _ in rows]
        if None not in marks and not all(marks):
            return key
    return None


def without_bad(rows: Marked, key: str) -> tuple[list[Parts | None], Inference]:
    """The parts of rows that are marked true, a bad answer to the same question as their rejected one; None for the others."""
    bad: dict[str, Any] = {}
    for row, parts in rows:
        if not _mark(row[key]):
            bad.setdefault(digest([parts.messages, list(parts.tools)]), parts.target)
    kept, paired = list[Parts | None](), 0
    for row, parts in rows:
        if not _mark(row[key]):
            kept.append(None)
            continue
        rejected = bad.get(digest([parts.messages, list(parts.tools)])) if parts.rejected is None else parts.rejected
        paired += rejected is not None
        kept.append(replace(parts, rejected=rejected))
    false = kept.count(None)
    columns = all(isinstance(row.get(name), str) for row, _ in rows for name in ("prompt", "completion"))
    change = "data.columns: {input: prompt, target: completion}, which learns from every row" if columns else ""
    beside = f"; {paired:,} of the others have one beside them as the rejected answer" if paired else ""
    return kept, Inference(
        about="target",
        taken=f"only the answers of rows with {key}: true; {false:,} rows with {key} false are left out{beside}",
        because=f"{key} is true or false in every row, and says which answers are good",
        change=change,
    )


def left_out_as(key: str) -> str:
    """How rows that are marked false are counted."""
    return f"rows with {key} false"


def _mark(value: Any) -> bool | None:
    return value if isinstance(value, bool) else WORDS.get(str(value).strip().casefold())
