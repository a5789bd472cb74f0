"""What passes between a model and its tools, as JSON that every tokenizer, store and server takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Python's own JSON, a schema's validator and a dataclass's copy each end at a depth of their own; a call needs none of it.
DEEPEST = 32


def plain_value(value: Any, left: int = DEEPEST) -> Any:
    """The value, a `?` in place of each lone surrogate. Raises ValueError, with the reason, for what JSON cannot say.

    A reader of JSON lets such values through: 1e999 is read as an infinity, and `[` may be repeated for ever.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that JSON can say")
    if isinstance(value, (Mapping, list)) and not left:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        return {plain_value(key): plain_value(part, left - 1) for key, part in value.items()}
    return [plain_value(part, left - 1) for part in value] if isinstance(value, list) else value
