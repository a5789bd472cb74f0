"""Rows that ask and expect the same, exactly or but for case, width and blanks."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.audit import Finding, removal_findings
from rung.data.split import deduplicate
from rung.types import Example


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """One finding for each kind of duplicate, counting the rows beyond the first."""
    return [finding for finding in removal_findings(deduplicate(examples)) if finding.check == "duplicates"]
