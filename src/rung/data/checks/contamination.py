"""Test rows whose question, after normalising, stands in train: a score on them proves memory, not skill."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import SHOWN_PLACES, place
from rung.data.split import leaks
from rung.types import Example, Finding, Severity

ROWS = "split"
SEVERITY: Severity = "error"
ALLOWED_BY = "allow_leaks"


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """One where any test row stands in train, which only rows can that name their own split."""
    pairs = leaks(examples)
    if not pairs:
        return []
    message = f"{len(pairs):,} {'row of test stands' if len(pairs) == 1 else 'rows of test stand'} in train too"
    places = tuple(f"{place(pair.test)} stands at {place(pair.train)}" for pair in pairs[:SHOWN_PLACES])
    return [Finding(severity=SEVERITY, message=message, count=len(pairs), places=places)]
