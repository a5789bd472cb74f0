"""Tables and objects as paragraphs, one a row: `name: value` a line, so that each says by itself what its values are of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rung.data.documents.parsed import BadDocument

# As deep as nested objects are written out by name; below that they are JSON.
DEEPEST = 6


def records_text(rows: Sequence[Any]) -> str:
    """One paragraph for each row; what is missing or empty is left out, 0 and false are not."""
    return "\n\n".join("\n".join(_lines(row, "")) for row in rows)


def rows_of_json(text: str) -> list[Any]:
    """The objects of a JSON document: those of its list, or itself; of several documents, one a line, each. Raises BadDocument."""
    try:
        value = json.loads(text, parse_float=_Written, parse_int=_Written, object_pairs_hook=_each)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and error.pos and "\n" in text[: error.pos]:
            return rows_of_lines(text)
        raise BadDocument(f"not JSON: {error}") from None
    except RecursionError:
        raise BadDocument("not JSON that is nested so that it can be read") from None
    rows = value
    while isinstance(rows, dict) and len(rows) == 1:
        rows = next(iter(rows.values()))
    # A list's only name says nothing of its objects; what it says of plain values, or an object's name of its values, is kept.
    if isinstance(rows, list) and all(isinstance(row, dict | list) for row in rows):
        return rows
    return value if isinstance(value, list) else [value]


def rows_of_lines(text: str) -> list[Any]:
    """A JSON value for each line. Raises BadDocument with the line that is none."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line, parse_float=_Written, parse_int=_Written, object_pairs_hook=_each))
            except (ValueError, RecursionError) as error:
                raise BadDocument(f"line {number} is not JSON: {error}") from None
    return rows


def _each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Also of several values by one name, each."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        free = next(own for own in (name, *(f"{name} {place}" for place in range(2, len(pairs) + 2))) if own not in found)
        found[free] = value
    return found


class _Written(str):
    """A number as it was written: 1.50 and twenty digits stay what they are."""


def _lines(value: Any, name: str, depth: int = 0) -> Iterator[str]:
    if isinstance(value, Mapping) and depth < DEEPEST:
        for key, part in value.items():
            yield from _lines(part, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list) and depth < DEEPEST and any(isinstance(part, Mapping | list) for part in value):
        for place, part in enumerate(value, start=1):
            yield from _lines(part, f"{name} {place}".strip(), depth + 1)
    else:
        text = ", ".join(map(_plain, value)) if isinstance(value, list) else _plain(value)
        if text.strip():
            yield f"{name}: {text}" if name else text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
