"""JSON schemas: one that fits the values seen, and what is wrong with a value under one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from rung.json_form import canonical_json
from rung.verify.dates import ODD_SHARE

CLOSED_SET_SIZE = 20
ROWS_PER_VALUE = 10  # below this a text that was never seen is too likely to be the right answer of a later row
_SCALARS = ((bool, "boolean"), (int, "integer"), (float, "number"), (type(None), "null"))


def closed_values(texts: Sequence[str]) -> tuple[str, ...] | None:
    """The different texts, sorted, where they are few and each is seen often enough to be a closed set; else None."""
    distinct = set(texts)
    few = 0 < len(distinct) <= CLOSED_SET_SIZE and len(texts) >= ROWS_PER_VALUE * len(distinct)
    return tuple(sorted(distinct)) if few else None


def infer_schema(values: Sequence[Any]) -> dict[str, Any]:
    """A JSON schema that every value fits: keys that all objects have are required, others optional, unseen ones refused.

    Texts of a small closed set become an enum.
    """
    objects = [value for value in values if isinstance(value, Mapping)]
    lists = [value for value in values if isinstance(value, list | tuple)]
    texts = [value for value in values if isinstance(value, str)]
    branches = [*([_object_schema(objects)] if objects else []), *([_list_schema(lists)] if lists else [])]
    branches += [_text_schema(texts)] if texts else []
    branches += [{"type": name} for name in _scalar_types(values)]
    if not branches:
        return {}
    return branches[0] if len(branches) == 1 else {"anyOf": branches}


def of_main_kind(values: Sequence[Any]) -> list[Any]:
    """The values of the kind (object, list, text, ...) that all but a few have; all of them where there is no such kind."""
    kinds = [_json_kind(value) for value in values]
    main = max(set(kinds), key=kinds.count)
    few = 0 < len(kinds) - kinds.count(main) <= ODD_SHARE * len(kinds)
    return [value for value, kind in zip(values, kinds, strict=True) if kind == main or not few]


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Why `schema` is no JSON schema (draft 2020-12); None where it is one."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.message} at {error.json_path}"
    return None


def value_fault(value: Any, schema: Mapping[str, Any]) -> str | None:
    """The first thing that is wrong with a value under a schema; None where it fits. A `$ref` to elsewhere is never fetched."""
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(_validator(canonical_json(schema)).iter_errors(value))
    except Unresolvable as missing:
        return f"the schema refers to {missing.ref}, which it does not hold"
    return None if error is None else f"{error.message} at {error.json_path}"


def in_schema_order(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value, its objects' keys in the schema's order, which is the one that constrained decoding makes a model write."""
    if isinstance(value, Mapping):
        parts = schema.get("properties")
        parts = parts if isinstance(parts, Mapping) else {}
        keys = [*(key for key in parts if key in value), *(key for key in value if key not in parts)]
        return {key: in_schema_order(value[key], parts[key] if isinstance(parts.get(key), Mapping) else {}) for key in keys}
    if isinstance(value, list):
        items = schema.get("items")
        return [in_schema_order(item, items if isinstance(items, Mapping) else {}) for item in value]
    return value


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    return Draft202012Validator(json.loads(schema), registry=Registry())


def _object_schema(objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = list(dict.fromkeys(key for value in objects for key in value))
    properties = {key: infer_schema([value[key] for value in objects if key in value]) for key in keys}
    required = [key for key in keys if all(key in value for value in objects)]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list_schema(lists: Sequence[Sequence[Any]]) -> dict[str, Any]:
    items = [item for value in lists for item in value]
    return {"type": "array", "items": infer_schema(items)} if items else {"type": "array"}


def _text_schema(texts: Sequence[str]) -> dict[str, Any]:
    closed = closed_values(texts)
    return {"type": "string", "enum": list(closed)} if closed else {"type": "string"}


def _json_kind(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple | str):
        return "object" if isinstance(value, Mapping) else "text" if isinstance(value, str) else "list"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _scalar_types(values: Sequence[Any]) -> list[str]:
    names = {next((name for kind, name in _SCALARS if isinstance(value, kind)), "") for value in values} - {""}
    if "number" in names:
        names.discard("integer")
    return sorted(names)
