"""What a check writes a finding with."""

from __future__ import annotations

from collections.abc import Sequence

from rung.json_form import canonical_json
from rung.types import Example, Finding, Message, Severity

SHOWN_PLACES = 20


def found(severity: Severity, message: str, rows: Sequence[Example]) -> Finding:
    """A finding on these rows."""
    return Finding(severity=severity, message=message, count=len(rows), places=tuple(map(place, rows[:SHOWN_PLACES])))


def in_rows(count: int) -> str:
    """`1 row` or `1,200 rows`."""
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def place(example: Example) -> str:
    """Where a row stands, `file:line`, or its id where that is not known."""
    return example.source or example.id


def texts(example: Example) -> str:
    """All that a row says, question and answer, as one text."""
    target = example.target if isinstance(example.target, str) else canonical_json(example.target)
    return "\n".join([*map(_text, example.messages), target])


def _text(message: Message) -> str:
    said = str(message.get("content") or "")
    return f"{said}\n{canonical_json(message['tool_calls'])}" if message.get("tool_calls") else said
