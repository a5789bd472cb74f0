"""Personal data: e-mail addresses, phone numbers, payment cards (Luhn) and bank accounts (IBAN), by pattern and check digit."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.findings import found, in_rows, texts
from rung.data.sensitive import PERSONAL
from rung.types import Example, Finding, Severity

ROWS = "raw"
SEVERITY: Severity = "warning"


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """One for each kind that stands in any row; the datum itself is not repeated."""
    said = [(example, texts(example)) for example in examples]
    holding = {name: [example for example, text in said if any(finder(text))] for name, finder in PERSONAL.items()}
    return [
        found(SEVERITY, f"{name} in {in_rows(len(rows))}: an adapter may learn them by heart", rows)
        for name, rows in holding.items()
        if rows
    ]
