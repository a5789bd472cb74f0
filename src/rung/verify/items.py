"""Reading a list out of what a model wrote: JSON, lines with or without bullets, `a; b`, `a, b and c`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rung.verify.parse import NotJson, as_text, find_all_json, strict_json

BULLET = re.compile(r"(?:[-*•–·]|\(?\d{1,3}[.)])\s+")
FENCE = re.compile(r"```[A-Za-z]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
WRAPPING = " \t\r\n\"'`*“”‘’"
SEPARATORS = (re.compile(r"\s*;\s*"), re.compile(r",?\s+and\s+|,\s*", re.IGNORECASE))


def json_items(text: str) -> list[Any] | None:
    """The items of the JSON list that a text is or holds, or of the one list in its JSON object; None where it holds none."""
    try:
        values: Sequence[Any] = (strict_json(text),)
    except NotJson:
        values = [*find_all_json(text)]
    for value in values:
        found = _list_in(value)
        if found is not None:
            return found
    return None


def readings(text: str) -> Iterator[list[str]]:
    """Every list that a text can be read as, each once; JSON can be read in one way alone."""
    text = unfenced(text)
    items = json_items(text)
    if items is not None:
        yield [as_text(item) for item in items]
        return
    seen: list[list[str]] = []
    lines = [bare(line) for line in text.splitlines() if line.strip()]
    for found in (lines, *([bare(part) for part in separator.split(text.strip())] for separator in SEPARATORS)):
        if found and all(found) and found not in seen:
            seen.append(found)
            yield found


def unfenced(text: str) -> str:
    """What stands in the one code fence of a text; the text itself where there is none, or several."""
    found = FENCE.findall(text) if text.count("```") == 2 else []
    return found[0] if len(found) == 1 else text


def bare(item: str) -> str:
    """An item without its bullet, and without quotes and emphasis around it."""
    return BULLET.sub("", item.strip(), count=1).strip(WRAPPING) if BULLET.match(item.strip()) else item.strip(WRAPPING)


def _list_in(value: Any) -> list[Any] | None:
    if isinstance(value, list):
        return value
    lists = [part for part in value.values() if isinstance(part, list)] if isinstance(value, Mapping) else []
    return lists[0] if len(lists) == 1 else None
