"""The data gate: every check plug-in's findings on a task's rows, before anything is spent on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rung import plugins
from rung.data.split import Deduplicated
from rung.types import Example

Severity = Literal["info", "warning", "error"]
SHOWN_IDS = 5
ORDER: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found: how bad, in words, how many rows, and the ids of the first few."""

    check: str
    severity: Severity
    message: str
    examples: tuple[str, ...] = ()
    count: int = 0


def inspect_examples(examples: Sequence[Example]) -> list[Finding]:
    """The findings of all checks with their default settings, the gravest first.

    Rows as loaded show duplicates and conflicting labels; rows that are split also show contamination and classes that are missing.
    """
    found = [finding for name in plugins.names("checks") for finding in _run(name, examples)]
    return sorted(found, key=lambda finding: ORDER[finding.severity])


def _run(name: str, examples: Sequence[Example]) -> list[Finding]:
    check = plugins.load("checks", name)
    found: list[Finding] = check.check(examples, check.Config())
    return found


def removal_findings(deduplicated: Deduplicated) -> list[Finding]:
    """What taking duplicates out removed, for those who look at the rows that are left."""
    pairs = {kind: [pair for pair in deduplicated.removed if pair.kind == kind] for kind in ("exact", "normalised", "conflict")}
    words: dict[str, tuple[str, Severity, str]] = {
        "exact": ("duplicates", "info", "exact duplicates in {rows}"),
        "normalised": ("duplicates", "info", "duplicates but for case and blanks in {rows}"),
        "conflict": ("labels", "warning", "another answer to an earlier row's question in {rows}; the first of each counts"),
    }
    return [
        Finding(
            check=check,
            severity=severity,
            message=text.format(rows=in_rows(len(pairs[kind]))),
            examples=first_ids([pair.dropped for pair in pairs[kind]]),
            count=len(pairs[kind]),
        )
        for kind, (check, severity, text) in words.items()
        if pairs[kind]
    ]


def in_rows(count: int) -> str:
    """`1 row` or `1,200 rows`."""
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def first_ids(examples: Sequence[Example]) -> tuple[str, ...]:
    """The ids of the first few rows."""
    return tuple(example.id for example in examples[:SHOWN_IDS])


def texts(example: Example) -> str:
    """All that a row says, question and answer, as one text."""
    said = [str(message.get("content") or "") for message in example.messages]
    return "\n".join([*said, example.target if isinstance(example.target, str) else str(example.target)])
