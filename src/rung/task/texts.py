"""What was written wins where text is wanted: a label 01234 in a list of choices is no number, and a value 1.10 no 1.1."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from rung.verify.problems import Path as KeyPath

LISTS = (list, tuple, set, frozenset)


class AsWritten:
    """Marks, in an annotation, what is kept as the text that was written, whatever it looks like."""


def as_written(value: Any, annotation: Any, path: KeyPath, written: Mapping[KeyPath, str]) -> Any:
    """The value that stands at `path` of a file, as texts wherever `annotation` takes text and not what YAML read.

    annotation  a pydantic model, or the type of one of its fields
    written     the text of everything in the file that YAML did not take for a text
    """
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        marked = any(isinstance(mark, AsWritten) for mark in marks)
        return _all_texts(value, path, written) if marked else as_written(value, inner, path, written)
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if isinstance(value, Mapping):
        return _mapping(value, members, path, written)
    if isinstance(value, list):
        item = next((get_args(kind)[0] for kind in members if get_origin(kind) in LISTS and get_args(kind)), Any)
        return [_item(part, item, (*path, index), written) for index, part in enumerate(value)]
    wants_text = str in members and Any not in members and not (value is not None and type(value) in members)
    return written.get(path, value) if wants_text and value is not None else value


def _mapping(value: Mapping[str, Any], members: tuple[Any, ...], path: KeyPath, written: Mapping[KeyPath, str]) -> dict[str, Any]:
    inner = _fields(members)
    rest = next((get_args(kind)[1] for kind in members if get_origin(kind) in (dict, Mapping) and get_args(kind)), Any)
    return {key: as_written(part, inner.get(key, rest), (*path, key), written) for key, part in value.items()}


def _fields(members: tuple[Any, ...]) -> dict[str, Any]:
    """The keys that a model among them takes, and what may stand under each, marks included."""
    models = [kind for kind in members if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return {
        field.alias or name: Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        for model in models
        for name, field in model.model_fields.items()
    }


def _item(value: Any, annotation: Any, path: KeyPath, written: Mapping[KeyPath, str]) -> Any:
    """As `as_written`; `null` among texts is a text too."""
    return written.get(path, value) if value is None and annotation is str else as_written(value, annotation, path, written)


def _all_texts(value: Any, path: KeyPath, written: Mapping[KeyPath, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _all_texts(part, (*path, key), written) for key, part in value.items()}
    if isinstance(value, list):
        return [
            written.get((*path, index), part) if not isinstance(part, Mapping | list) else part for index, part in enumerate(value)
        ]
    return value if value is None else written.get(path, value)
