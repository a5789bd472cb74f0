"""What a tool returned, as JSON. Standard library only: values of pydantic, numpy and pandas are known by what they can do.

Nothing is lost in silence: what has no form in JSON, or two keys that would become one, is an error that names it.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import types
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any

DEEPEST = 32
# An iterator without an end is ended by the limits on time and memory; this says sooner what is wrong with it.
MOST_ITEMS = 100_000


def as_json(value: Any, depth: int = 0) -> Any:
    """Numbers, texts, lists and objects for any value that has such a form.

    Dataclasses, named tuples, pydantic models and rows of a table are objects; sets, tuples, generators and arrays are lists, sets
    in order; dates and times are ISO 8601, Decimals and Fractions texts with all their digits, bytes text where they are UTF-8,
    else base64. Raises TypeError for what has none, and for a number that JSON does not know.
    """
    if depth > DEEPEST:
        raise TypeError(f"it is nested more than {DEEPEST} deep, or holds itself")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise TypeError(f"{value} is no number of JSON")
        return value
    for kind, read in _FORMS:
        if isinstance(value, kind):
            return read(value, depth)
    return _by_ability(value, depth)


def _items(values: Iterable[Any], depth: int) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if len(found) >= MOST_ITEMS:
            raise TypeError(f"it has more than {MOST_ITEMS:,} items")
        found.append(as_json(value, depth + 1))
    return found


def _object(pairs: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = _key(key)
        if name in found:
            raise TypeError(f"two of its keys are {name!r} in JSON")
        found[name] = as_json(value, depth + 1)
    return found


def _key(key: Any) -> str:
    plain = as_json(key)
    if isinstance(plain, list | dict):
        raise TypeError(f"a key of it is a {type(key).__name__}")
    if plain is None or isinstance(plain, bool):
        return {True: "true", False: "false", None: "null"}[plain]
    return str(plain)


def _in_order(values: Set[Any], depth: int) -> list[Any]:
    """A set's items, the same from run to run."""
    plain = _items(values, depth)
    try:
        return sorted(plain)
    except TypeError:
        return sorted(plain, key=repr)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _record(value: Any, depth: int) -> Any:
    """Of a dataclass, its fields."""
    return _object(((field.name, getattr(value, field.name)) for field in dataclasses.fields(value)), depth)


def _duration(value: datetime.timedelta, _: int) -> float:
    return value.total_seconds()


# The finer kinds first: a named tuple is a tuple, an enumeration of numbers is a number.
_FORMS: tuple[tuple[Any, Callable[[Any, int], Any]], ...] = (
    (enum.Enum, lambda value, depth: as_json(value.value, depth + 1)),
    (str, lambda value, _: str.__str__(value)),
    (bool, lambda value, _: bool(value)),
    (int, lambda value, _: int.__int__(value)),
    (float, lambda value, depth: as_json(float.__float__(value), depth)),
    (Mapping, lambda value, depth: _object(value.items(), depth)),
    (list, _items),
    (tuple, lambda value, depth: _object(value._asdict().items(), depth) if hasattr(value, "_asdict") else _items(value, depth)),
    (Set, _in_order),
    (datetime.datetime | datetime.date | datetime.time, lambda value, _: value.isoformat()),
    (datetime.timedelta, _duration),
    (decimal.Decimal | fractions.Fraction | uuid.UUID | pathlib.PurePath, lambda value, _: str(value)),
    (bytes | bytearray, lambda value, _: _text(bytes(value))),
    (Sequence | ValuesView, _items),
    (types.SimpleNamespace, lambda value, depth: _object(vars(value).items(), depth)),
)


def _by_ability(value: Any, depth: int) -> Any:
    """What knows itself how it is written; else an iterator."""
    if isinstance(value, type) or callable(value):
        raise TypeError(f"it is {_named(value)}")
    for able, read in _ABILITIES:
        if all(hasattr(value, name) for name in able):
            return read(value, depth)
    if isinstance(value, Iterator):
        return _items(value, depth)
    raise TypeError(f"it is {_named(value)}, which has no form in JSON: return its fields as a dict")


def _rows(table: Any, depth: int) -> list[Any]:
    """A table's rows as objects."""
    names = list(table.columns)
    rows = table.to_dict("records")
    if any(len(row) != len(names) for row in rows):
        raise TypeError("two of the table's columns have one name")
    return [_object(((name, _cell(cell)) for name, cell in row.items()), depth + 1) for row in rows]


def _cell(value: Any) -> Any:
    """Tables keep what is missing as a value that equals nothing."""
    missing = type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))
    return None if missing else value


def _named(value: Any) -> str:
    return f"the class {value.__qualname__}" if isinstance(value, type) else f"of the class {type(value).__qualname__}"


# Pydantic models, dataclasses, tables, their rows, dates of other libraries, arrays and their numbers.
_ABILITIES: tuple[tuple[tuple[str, ...], Callable[[Any, int], Any]], ...] = (
    (("model_dump",), lambda value, depth: as_json(value.model_dump(), depth + 1)),
    (("__dataclass_fields__",), _record),
    (("to_dict", "columns"), _rows),
    (("to_dict", "index"), lambda value, depth: _object(((key, _cell(cell)) for key, cell in value.items()), depth)),
    (("isoformat",), lambda value, _: value.isoformat()),
    (("tolist",), lambda value, depth: as_json(value.tolist(), depth + 1)),
)
