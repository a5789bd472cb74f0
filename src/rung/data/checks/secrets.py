"""Secrets: keys and tokens whose issuers gave them a form of their own, so that a match is hardly ever chance."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import found, in_rows, texts
from rung.data.sensitive import SECRETS
from rung.types import Example, Finding, Severity

ROWS = "raw"
SEVERITY: Severity = "warning"


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """One for each kind that stands in any row; the secret itself is not repeated."""
    said = [(example, texts(example)) for example in examples]
    holding = {name: [example for example, text in said if any(finder(text))] for name, finder in SECRETS.items()}
    return [
        found(SEVERITY, f"{name} in {in_rows(len(rows))}: revoke them and take them out", rows)
        for name, rows in holding.items()
        if rows
    ]
