"""Conflicting labels: one question, after normalising, with more than one answer."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import SHOWN_PLACES, in_rows, place
from rung.data.split import deduplicate
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
    message = f"another answer to an earlier row's question in {in_rows(len(pairs))}; the first of each counts"
    places = tuple(f"{place(pair.dropped)} (against {place(pair.kept)})" for pair in pairs[:SHOWN_PLACES])
    return [Finding(severity=SEVERITY, message=message, count=len(pairs), places=places)]
