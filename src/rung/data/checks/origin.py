"""Where rows come from: how many are made up, and whether the gate measures on any of those."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.audit import Finding, first_ids
from rung.types import Example


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """The share of synthetic and augmented rows, and a warning for those that the gate would be judged on."""
    made = [example for example in examples if example.origin in ("synthetic", "augmented")]
    judged = [example for example in made if example.split == "gate"]
    found = []
    if made:
        message = f"{len(made):,} of {len(examples):,} rows ({len(made) / len(examples):.0%}) are synthetic or augmented"
        found.append(Finding(check="origin", severity="info", message=message, examples=first_ids(made), count=len(made)))
    if judged:
        message = f"{len(judged):,} gate rows are synthetic or augmented: the verdict is about made-up rows in that part"
        found.append(Finding(check="origin", severity="warning", message=message, examples=first_ids(judged), count=len(judged)))
    return found
