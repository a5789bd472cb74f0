"""The audit of a task's data: every check's findings on its rows, before anything is spent on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rung import plugins
from rung.data.sensitive import masked
from rung.types import Example, Finding, Severity

Rows = Literal["raw", "split"]
GRAVITY: Mapping[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """How one check runs: `off` not at all; `config` its settings, None for the defaults; `severity` in place of its own."""

    off: bool = False
    config: Any = None
    severity: Severity | None = None


def audit(examples: Sequence[Example], rows: Rows, settings: Mapping[str, CheckSettings] | None = None) -> tuple[Finding, ...]:
    """The findings of the checks that run on such rows, the gravest first.

    Rows as read (`raw`) show duplicates and conflicting labels; rows that are split show contamination and missing classes.
    """
    found = [
        finding
        for name in plugins.names("checks")
        for finding in _run(name, examples, rows, (settings or {}).get(name, CheckSettings()))
    ]
    return by_gravity(found)


def by_gravity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then what is only good to know; else in their order."""
    return tuple(sorted(findings, key=lambda finding: GRAVITY[finding.severity]))


def _run(name: str, examples: Sequence[Example], rows: Rows, settings: CheckSettings) -> list[Finding]:
    check = plugins.load("checks", name)
    if settings.off or rows != check.ROWS:
        return []
    found: list[Finding] = check.check(examples, settings.config or check.Config())
    return [
        replace(
            finding,
            check=name,
            severity=settings.severity or finding.severity,
            message=masked(finding.message),
            places=tuple(map(masked, finding.places)),
        )
        for finding in found
    ]
