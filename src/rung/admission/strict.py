"""JSON of which every reader makes the same: no key stands twice."""

from __future__ import annotations

import json
from typing import Any

from rung.escapes import quoted


class Doubled(ValueError):
    """A key that stands twice: readers disagree on which of them counts."""


def strict_json(text: str) -> Any:
    """Raises Doubled, ValueError or RecursionError."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Doubled(f"{quoted(key)} stands twice: readers disagree on which of them counts")
        found[key] = value
    return found
