"""What commands say in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.report.text import seconds
from rung.types import Finding

SHOWN_PLACES = 2


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """What the audit of the data found, a line each, with where the first rows stand."""
    return [f"Data  {finding.severity}: {finding.message}{_places(finding)}" for finding in findings]


def _places(finding: Finding) -> str:
    if not finding.places or finding.places[0] in finding.message:
        return ""
    more = ", ..." if finding.count > SHOWN_PLACES else ""
    return f" ({', '.join(finding.places[:SHOWN_PLACES])}{more})"


def blobs(count: int) -> str:
    """`1 blob`, `1,200 blobs`."""
    return f"{count:,} blob{'' if count == 1 else 's'}"


def fact(name: str, value: Any) -> str:
    """`tokens_per_s=1234.5` -> `1,234 tokens/s`; `loss=0.4126` -> `loss 0.413`; `wait_s=3` -> `wait 3.00 s`."""
    if isinstance(value, str | bool):
        return f"{name.replace('_', ' ')} {value}"
    if name.endswith("_per_s"):
        return f"{value:,.0f} {name.removesuffix('_per_s')}/s"
    if name.endswith("_s"):
        return f"{name.removesuffix('_s')} {seconds(value)}"
    return f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name.replace('_', ' ')} {value:.3g}"
