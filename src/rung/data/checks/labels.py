"""Conflicting labels: one question, after normalising, with more than one answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import SHOWN_PLACES, in_rows, place
from rung.data.split import Removed, deduplicate
from rung.types import Example, Finding, Severity

ROWS = "raw"
SEVERITY: Severity = "warning"


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """One where rows expect another answer than the first row with their question."""
    pairs = [pair for pair in deduplicate(examples).removed if pair.kind == "conflict"]
    if not pairs:
        return []
    places = tuple(f"{place(pair.dropped)} (against {place(pair.kept)})" for pair in pairs[:SHOWN_PLACES])
    return [Finding(severity=SEVERITY, message=_told(pairs), count=len(pairs), places=places)]


def _told(pairs: Sequence[Removed]) -> str:
    asked = Counter(id(pair.kept) for pair in pairs)
    have = "1 question has" if len(asked) == 1 else f"{len(asked):,} questions have"
    many = "two answers" if max(asked.values()) == 1 else f"several answers ({in_rows(len(pairs))} beyond the first)"
    return f"{have} {many}; the first of each counts"
