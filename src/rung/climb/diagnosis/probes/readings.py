"""What an answer may have meant, without looking at the target: its last line, what is quoted, JSON that is nearly JSON."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

_FENCE = re.compile(r"```[\w-]*\n?(.*?)(?:```|$)", re.DOTALL)
_MARKED = re.compile(r"\*\*(.+?)\*\*|`([^`\n]+)`|[\"“]([^\"”\n]+)[\"”]")
_LEAD = re.compile(r"(?:answer|result|output|label)?\s*(?:is|:|=)\s+(.+)", re.IGNORECASE)
_LITERAL = re.compile(r"[{\[].*[}\]]", re.DOTALL)
_MARKS = " \t\r\n.,;:!*`'\"“”‘’"


def readings(answer: str) -> list[str]:
    """Every other text that the answer may be read as, each once, likeliest first; not the answer itself."""
    return [text for text in dict.fromkeys(_all(answer)) if text and text != answer]


def _all(answer: str) -> Iterator[str]:
    text = answer.strip()
    yield text.strip(_MARKS)
    lines = [line for line in text.splitlines() if line.strip()]
    for line in (lines[-1:] + lines[:1]) if len(lines) > 1 else lines:
        yield line.strip(_MARKS)
        yield from (match[1].strip(_MARKS) for match in _LEAD.finditer(line))
    yield from (match[1].strip() for match in _FENCE.finditer(text))
    yield from (next(filter(None, match.groups())).strip(_MARKS) for match in _MARKED.finditer(text))
    yield from _mended_json(text)


def _mended_json(text: str) -> Iterator[str]:
    """A Python literal, or JSON with commas too many or its end missing, as JSON."""
    found = _LITERAL.search(text)
    inner = found[0] if found else text[text.find("{") :] if "{" in text else ""
    if not inner:
        return
    without_commas = re.sub(r",\s*([}\]])", r"\1", inner)
    for attempt in (inner, without_commas, *(without_commas + end for end in ("}", "]}", "}}", '"}', '"}}'))):
        value = _value(attempt)
        if value is not None:
            yield json.dumps(value, ensure_ascii=False)
            return


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        value = ast.literal_eval(text)
        json.dumps(value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict | list) else None
