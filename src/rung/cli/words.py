"""Figures as people write them. What is not known is an em dash, never a zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.types import Finding

UNKNOWN = "—"
SHOWN_PLACES = 2


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """What the audit of the data found, a line each, with where the first rows stand."""
    return [f"Data  {finding.severity}: {finding.message}{_places(finding)}" for finding in findings]


def _places(finding: Finding) -> str:
    if not finding.places:
        return ""
    more = ", ..." if finding.count > SHOWN_PLACES else ""
    return f" ({', '.join(finding.places[:SHOWN_PLACES])}{more})"


def percent(share: float | None) -> str:
    """0.8125 -> 81.2%; an em dash where it is not known."""
    return UNKNOWN if share is None else f"{100 * share:.1f}%"


def size(count: float | None) -> str:
    """Bytes in the largest decimal unit that keeps a digit before the point."""
    if count is None:
        return UNKNOWN
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def duration(seconds: float | None) -> str:
    """42 s, 3 min 5 s, 1 h 2 min."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def fact(name: str, value: Any) -> str:
    """`tokens_per_s=1234.5` -> `1,234 tokens/s`; `loss=0.4126` -> `loss 0.413`; `wait_s=3` -> `wait 3.0 s`."""
    if isinstance(value, str | bool):
        return f"{name.replace('_', ' ')} {value}"
    if name.endswith("_per_s"):
        return f"{value:,.0f} {name.removesuffix('_per_s')}/s"
    if name.endswith("_s"):
        return f"{name.removesuffix('_s')} {duration(value)}"
    return f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name.replace('_', ' ')} {value:.3g}"
