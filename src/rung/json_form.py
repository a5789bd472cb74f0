"""Frozen classes as plain JSON and back, in one place: what does not fit a class's fields is an error, not guessed at."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text (in the way of RFC 8785).

    Raises ValueError for NaN and infinities, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256, as 64 hex digits, of a JSON value's canonical text."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def as_json(value: Any) -> dict[str, Any]:
    """A frozen class's fields as plain JSON values, whatever is nested in them (tuples become lists)."""
    return cast(dict[str, Any], _plain(value))


def from_json(kind: type[T], value: Any) -> T:
    """The value of `kind` that `as_json` wrote. Raises ValueError naming the field that is unknown, missing or of another type."""
    return cast(T, _read(kind, value, kind.__name__))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


@cache
def _types_of(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _read_class(cast(type, kind), value, where)
    if origin in (typing.Union, types.UnionType):
        return _read_union(typing.get_args(kind), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is {_shown(value)}, not a list")
        part = typing.get_args(kind)[0]
        return tuple(_read(part, item, f"{where}[{place}]") for place, item in enumerate(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} is {_shown(value)}, not an object")
        return {key: _read(typing.get_args(kind)[1], part, f"{where}.{key}") for key, part in value.items()}
    return _read_plain(kind, value, where)


def _read_plain(kind: Any, value: Any, where: str) -> Any:
    if typing.get_origin(kind) is typing.Literal:
        fits = value in typing.get_args(kind)
    elif kind is Any:
        fits = True
    elif kind is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = not isinstance(kind, type) or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))
    if not fits:
        raise ValueError(f"{where} cannot be {_shown(value)}")
    return value


def _read_class(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is {_shown(value)}, not an object")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(value.keys() - fields.keys()):
        raise ValueError(f"{where} has the unknown key '{unknown[0]}'")
    types_of = _types_of(kind)
    given = {name: _read(types_of[name], part, f"{where}.{name}") for name, part in value.items()}
    missing = [name for name, field in fields.items() if name not in given and _needed(field)]
    if missing:
        raise ValueError(f"{where} has no '{missing[0]}'")
    return kind(**given)


def _needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _read_union(kinds: Sequence[Any], value: Any, where: str) -> Any:
    """None, or the class that takes the value: those of a union differ in the literal of their field `kind`."""
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    problems = []
    for kind in others:
        try:
            return _read(kind, value, where)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(problems[0] if len(others) == 1 else f"{where} cannot be {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
