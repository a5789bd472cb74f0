"""Frozen classes as plain JSON and back, in one place: what does not fit a class's fields is an error, not guessed at."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
MAPPINGS = (Mapping, dict)
# The metadata of a field that is written only where it differs from its default: what was made before there was such a field keeps
# its digest.
LEFT_OUT = {"left_out": True}


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text (in the way of RFC 8785).

    Raises ValueError for NaN and infinities, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256, as 64 hex digits, of a JSON value's canonical text."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


class Misfit(ValueError):
    """A stored value that its class has no room for; says where it stands."""


def as_json(value: Any) -> Any:
    """A value of dataclasses, mappings and sequences as plain JSON: dicts, lists, and what JSON knows itself."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {field.name: as_json(part) for field, part in fields if "left_out" not in field.metadata or part != field.default}
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value


def from_json(kind: type[T], value: Any) -> T:
    """What `as_json` made of an instance of the dataclass `kind`, as that instance again.

    Raises Misfit for a key that is not known, one that is missing and has no default, and for a value of another type.
    """
    read_whole: T = _read(kind, value, kind.__name__)
    return read_whole


def _read(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _noun(kind, value, where)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _any_of(get_args(kind), value, where)
    if origin is Literal and value not in get_args(kind):
        raise Misfit(f"{where} cannot be {value!r}")
    return value if origin is Literal else _items(kind, value, where)


def _items(kind: Any, value: Any, where: str) -> Any:
    """A tuple's or a mapping's items, each read; a plain value as it is."""
    origin = get_origin(kind)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], item, f"{where}[{n}]") for n, item in enumerate(_of(list, value, where)))
    if origin in MAPPINGS:
        return {key: _read(get_args(kind)[1], item, f"{where}.{key}") for key, item in _of(dict, value, where).items()}
    return _of(kind, value, where)


def _noun(kind: Any, value: Any, where: str) -> Any:
    hints = _hints(kind)
    given = _of(dict, value, where)
    if missing := [name for name in _needed(kind) if name not in given]:
        raise Misfit(f"{where} lacks '{missing[0]}'")
    if unknown := [name for name in given if name not in hints]:
        raise Misfit(f"{where} has an unknown '{unknown[0]}'")
    return kind(**{name: _read(hints[name], part, f"{where}.{name}") for name, part in given.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}


@cache
def _needed(kind: Any) -> tuple[str, ...]:
    fields = (field for field in dataclasses.fields(kind) if field.init)
    without = dataclasses.MISSING
    return tuple(field.name for field in fields if field.default is without and field.default_factory is without)


def _any_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    known = [kind for kind in kinds if kind is not NoneType]
    for kind in known[:-1]:
        try:
            return _read(kind, value, where)
        except Misfit:
            continue
    return _read(known[-1], value, where)


def _of(kind: Any, value: Any, where: str) -> Any:
    """The value, where it is of that plain type; a whole number will do for a float, true and false for neither."""
    fits = isinstance(value, int | float if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not fits:
        raise Misfit(f"{where} is {type(value).__name__}, not {kind.__name__}")
    return value
