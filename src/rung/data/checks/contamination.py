"""Gate rows whose question, after normalising, stands in train: a score on them proves memory, not skill."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.audit import Finding, first_ids
from rung.data.split import leaks
from rung.types import Example


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """An error where any gate row stands in train."""
    found = leaks(examples)
    if not found:
        return []
    rows = sum(example.split == "gate" for example in examples)
    message = f"{len(found):,} of {rows:,} gate rows stand in train too"
    ids = first_ids([pair.gate for pair in found])
    return [Finding(check="contamination", severity="error", message=message, examples=ids, count=len(found))]
