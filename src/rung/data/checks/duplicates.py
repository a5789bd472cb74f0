"""Rows that ask and expect the same, exactly or but for case, width and blanks."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import SHOWN_PLACES, in_rows, place
from rung.data.split import Removed, deduplicate
from rung.types import Example, Finding, Severity

ROWS = "raw"
SEVERITY: Severity = "info"
KINDS = {"exact": "", "normalised": " but for case and blanks"}


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """One for each kind of duplicate, counting the rows beyond the first: those take no part."""
    removed = deduplicate(examples).removed
    findings = []
    for kind, words in KINDS.items():
        pairs = [pair for pair in removed if pair.kind == kind]
        places = tuple(f"{place(pair.dropped)} (as {place(pair.kept)})" for pair in pairs[:SHOWN_PLACES])
        findings += [Finding(severity=SEVERITY, message=_told(pairs, words), count=len(pairs), places=places)] if pairs else []
    return findings


def _told(pairs: Sequence[Removed], words: str) -> str:
    first = {id(pair.kept) for pair in pairs}
    stand = f"{in_rows(len(first))} {'stands' if len(first) == 1 else 'stand'}"
    often = "twice" if len(first) == len(pairs) else f"several times ({in_rows(len(pairs))} beyond the first)"
    return f"{stand} {often}{words}, with the same answer; the first of each counts"
