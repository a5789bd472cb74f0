"""Rows that ask and expect the same, exactly or but for case, width and blanks."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import SHOWN_PLACES, in_rows, place
from rung.data.split import deduplicate
from rung.types import Example, Finding, Severity

ROWS = "raw"
SEVERITY: Severity = "info"
KINDS = {"exact": "exact duplicates", "normalised": "duplicates but for case and blanks"}


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """One for each kind of duplicate, counting the rows beyond the first: those take no part."""
    removed = deduplicate(examples).removed
    findings = []
    for kind, words in KINDS.items():
        pairs = [pair for pair in removed if pair.kind == kind]
        places = tuple(f"{place(pair.dropped)} (as {place(pair.kept)})" for pair in pairs[:SHOWN_PLACES])
        message = f"{words} in {in_rows(len(pairs))}; the first of each counts"
        findings += [Finding(severity=SEVERITY, message=message, count=len(pairs), places=places)] if pairs else []
    return findings
