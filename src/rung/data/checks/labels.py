"""Conflicting labels: one question, after normalising, with more than one answer."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from rung.data.audit import Finding, removal_findings
from rung.data.split import deduplicate
from rung.types import Example


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """A warning where rows expect another answer than the first row with their question."""
    return [finding for finding in removal_findings(deduplicate(examples)) if finding.check == "labels"]
