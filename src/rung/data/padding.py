"""Values as their schema has them: a column of structs (Arrow, Parquet) gives every object every key of all others, as null.

An argument that is null says nothing unless its schema admits null; so it is left out, as whoever wrote the row did. And what a
file's columns made of a value is undone where the schema leaves one reading: "5" is 5 for an integer, 94103 is "94103" for a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# Under these a null is a value, unless others beside it show that the object is padded.
_VALUES = ("default", "const")
_DATA = (*_VALUES, "enum", "examples", "example")
_NAMED_PARTS = ("properties", "$defs", "definitions", "patternProperties")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?P<part>\.\d{1,300})?(?:[eE][-+]?\d{1,3})?")
_MOST_DIGITS = 15  # a longer number in a text is an identifier, very likely


def without_nulls(tool: Any) -> Any:
    """A tool, or a schema, without the keys that only stand there because others have them."""
    if isinstance(tool, list):
        return [without_nulls(part) for part in tool if part is not None]
    if not isinstance(tool, Mapping):
        return tool
    padded = any(part is None for key, part in tool.items() if key not in _VALUES)
    kept = {key: part for key, part in tool.items() if not (part is None and (padded or key not in _VALUES))}
    return {
        key: part if key in _DATA else _named(part) if key in _NAMED_PARTS else without_nulls(part) for key, part in kept.items()
    }


def fitted(value: Any, schema: Mapping[str, Any]) -> Any:
    """An argument as its schema has it: no null where none may stand, a number or a text where a column made the other of it.

    A schema that says nothing ({}) leaves all but nulls as it is.
    """
    if isinstance(value, Mapping):
        parts = schema.get("properties")
        parts = parts if isinstance(parts, Mapping) else {}
        known = {key: parts[key] if isinstance(parts.get(key), Mapping) else {} for key in value}
        needed = {key for key in schema.get("required") or () if key in value and not types_of(known[key])}
        kept = {key: part for key, part in value.items() if part is not None or key in needed or admits_null(known[key])}
        return {key: fitted(part, known[key]) for key, part in kept.items()}
    if isinstance(value, list):
        items = schema.get("items")
        return [fitted(item, items if isinstance(items, Mapping) else {}) for item in value]
    return _of_type(value, types_of(schema) - {"null"})


def admits_null(schema: Mapping[str, Any]) -> bool:
    """Whether a schema says of itself that null is a value."""
    listed = schema.get("enum")
    nulls = "null" in types_of(schema) or schema.get("nullable") is True or ("const" in schema and schema["const"] is None)
    return nulls or (isinstance(listed, list) and None in listed)


def types_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that a schema names, those of its alternatives too; empty where it names none."""
    said = schema.get("type")
    found = (
        {said} if isinstance(said, str) else {name for name in said if isinstance(name, str)} if isinstance(said, list) else set()
    )
    for key in ("anyOf", "oneOf"):
        for part in schema.get(key) or () if isinstance(schema.get(key), list) else ():
            found |= types_of(part) if isinstance(part, Mapping) else set()
    return frozenset(found)


def _named(parts: Any) -> Any:
    """A map of names to schemas: there a null is padding whatever the name is, and so is an object of nothing but nulls."""
    if not isinstance(parts, Mapping):
        return parts
    real = {name: part for name, part in parts.items() if part is not None}
    return {name: without_nulls(part) for name, part in real.items() if not _all_null(part)}


def _all_null(part: Any) -> bool:
    return isinstance(part, Mapping) and bool(part) and all(value is None for value in part.values())


def _of_type(value: Any, types: frozenset[str]) -> Any:
    if len(types) != 1 or isinstance(value, float):
        return value
    (kind,) = types
    if isinstance(value, str) and kind in ("integer", "number"):
        match = _NUMBER.fullmatch(value.strip())
        small = match is not None and sum(map(str.isdigit, value)) <= _MOST_DIGITS
        return json.loads(value) if match and small and (kind == "number" or value.strip().lstrip("-").isdigit()) else value
    if isinstance(value, str) and kind == "boolean" and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and kind == "string" else value
