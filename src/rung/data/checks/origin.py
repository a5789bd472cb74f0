"""Where rows come from: how many are made up, and whether the test split measures on any of those."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import found
from rung.types import Example, Finding, Severity

ROWS = "split"
SEVERITY: Severity = "warning"


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """The share of synthetic and augmented rows, which is only good to know; and those that a gate would judge on."""
    made = [example for example in examples if example.origin in ("synthetic", "augmented")]
    judged = [example for example in made if example.split == "test"]
    findings = []
    if made:
        share = len(made) / len(examples)
        message = f"{len(made):,} of {len(examples):,} rows ({share:.0%}) are synthetic or augmented"
        findings.append(found("info", message, made))
    if judged:
        are = "test row is" if len(judged) == 1 else "test rows are"
        message = f"{len(judged):,} {are} synthetic or augmented: the verdict is about made-up rows in that part"
        findings.append(found(SEVERITY, message, judged))
    return findings
