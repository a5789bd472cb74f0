"""The JSON schema of a call, in the form that a grammar can hold a model to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from rung.engine.chat import tool_function
from rung.parts import CallConstraint

# Prose and annotations that no grammar needs, and `format`, of which engines know different lists.
_NOT_GRAMMAR = {
    "description",
    "default",
    "title",
    "format",
    "examples",
    "$defs",
    "definitions",
    "$schema",
    "$id",
    "$comment",
    "$anchor",
}
# What only narrows and what no grammar holds a model to: a call that breaks one of these is refused when it is made.
_CHECKED_LATER = {"not", "if", "then", "else", "contains", "minContains", "maxContains", "uniqueItems", "propertyNames"}
_CHECKED_LATER |= {"dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "unevaluatedItems"}
# How often a type may stand within itself, and references within each other, before the rest is left open.
WITHIN_ITSELF, REFERENCES_DEEP = 3, 16
MOST_NODES = 4000


def calls_schema(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of one call to one of the tools."""
    calls = [call_schema(tool_function(tool)) for tool in tools]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def answer_schema(tools: Sequence[Mapping[str, Any]], held: CallConstraint) -> dict[str, Any]:
    """The schema of an answer that calls these tools: one call as an object, several as a list, none as the empty list."""
    call = calls_schema(tools)
    forms = call.get("anyOf", [call]) if held.one else []
    forms = [*forms, {"type": "array", "items": call, "minItems": 2}] if held.several else forms
    forms = [*forms, {"type": "array", "items": call, "maxItems": 0}] if held.none else forms
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def call_schema(function: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one call to one function: {"name": ..., "arguments": {...}}."""
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    arguments = _Grammar(parameters).of(parameters)
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def grammar_fault(function: Mapping[str, Any]) -> str:
    """Why no grammar can be made of a tool's arguments; empty where one can."""
    import json

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from llguidance import LLMatcher

    parameters = function.get("parameters") or {}
    try:
        drafted: Any = validator_for(parameters, default=Draft202012Validator)
        drafted.check_schema(parameters)
        for reference in _references(parameters):
            pointed(parameters, reference)
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(call_schema(function)), overrides={"whitespace_flexible": False})
        fault = LLMatcher.validate_grammar(grammar)
    except SchemaError as error:
        fault = error.message
    except LookupError as error:
        fault = str(error.args[0]) if error.args else repr(error)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        fault = str(error)
    return " ".join(fault.split("<state>")[0].split())[:300]


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


class _Grammar:
    """Parameters as JSON Schema that a grammar can hold a model to: references put in place, no prose.

    Objects that list their properties take no others. What a type within itself would be is left open after WITHIN_ITSELF levels.
    """

    def __init__(self, root: Any) -> None:
        self._root, self._nodes = root, 0

    def of(self, schema: Any, path: tuple[str, ...] = (), *, closed: bool = True) -> Any:
        """path: the references that lead here; not `closed`, an object may have properties of what stands beside it."""
        self._nodes += 1
        if isinstance(schema, bool):
            return schema
        if self._nodes > MOST_NODES:
            return {}
        kept = {key: value for key, value in schema.items() if key not in _NOT_GRAMMAR | _CHECKED_LATER}
        if isinstance(reference := kept.pop("$ref", None), str):
            there = {} if _is_deep(reference, path) else pointed(self._root, reference)
            target = self.of(there, (*path, reference), closed=closed) if there else {}
            beside = self.of(kept, path) if kept else {}
            return {"allOf": [target, beside]} if beside and target else target or beside
        if kept.get("type") == "array" and not all(isinstance(value, list) for value in kept.get("enum", ())):
            # Written by many hands: the values that the array's items may take, one level too high, which nothing could satisfy.
            kept["items"] = {**(kept.get("items") or {}), "enum": kept.pop("enum")}
        if named := self._names(schema, path):
            kept["properties"] = {**{name: kept.get("additionalProperties", True) for name in named}, **kept.get("properties", {})}
            kept["additionalProperties"] = False
        return self._parts(kept, path, closed=closed and not self._joined(kept, path))

    def _joined(self, kept: dict[str, Any], path: tuple[str, ...]) -> bool:
        """Objects that must be all of `allOf` become one with the properties of each; whether any are left that could not."""
        if not isinstance(kept.get("allOf"), list):
            return False
        every = [self.of(part, path, closed=False) for part in kept.pop("allOf")]
        own: dict[str, Any] = kept.get("properties", {})
        names = [*own, *(name for part in every if isinstance(part, dict) for name in part.get("properties", {}))]
        plain = {"type", "properties", "required"}
        if len(set(names)) < len(names) or any(not isinstance(part, dict) or part.keys() - plain for part in every):
            kept["allOf"] = every
            return True
        for part in every:
            kept["properties"] = {**kept.get("properties", {}), **part.get("properties", {})}
            kept["required"] = [*kept.get("required", []), *part.get("required", [])]
        kept["required"] = list(dict.fromkeys(kept.get("required", [])))
        return False

    def _parts(self, kept: dict[str, Any], path: tuple[str, ...], *, closed: bool) -> dict[str, Any]:
        for key in ("properties", "patternProperties"):
            if isinstance(kept.get(key), Mapping):
                kept[key] = {name: self.of(part, path) for name, part in kept[key].items()}
        if closed and kept.keys() & {"properties", "patternProperties"} and "additionalProperties" not in kept:
            # Written by hand: a name that must be there, and of which nothing is said.
            kept["properties"] = {**dict.fromkeys(kept.get("required", ()), True), **kept.get("properties", {})}
            kept["additionalProperties"] = False
        if isinstance(kept.get("items"), list):
            # Before 2020 a list of items was what is called prefixItems since.
            kept["prefixItems"], kept["items"] = kept["items"], kept.pop("additionalItems", True)
        for key in ("items", "additionalProperties"):
            if isinstance(kept.get(key), Mapping):
                kept[key] = self.of(kept[key], path)
        for key in ("anyOf", "oneOf", "prefixItems"):
            if isinstance(kept.get(key), Sequence):
                kept[key] = [self.of(part, path) for part in kept[key]]
        return kept

    def _names(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
        """The only names that an object's properties may have, where they are listed."""
        names = schema.get("propertyNames")
        held = self.of(names, path) if isinstance(names, Mapping) else {}
        every = held.get("enum", [held["const"]] if "const" in held else [])
        return [name for name in every if isinstance(name, str)] if isinstance(every, list) else []


def _is_deep(reference: str, path: tuple[str, ...]) -> bool:
    return path.count(reference) >= WITHIN_ITSELF or len(path) >= REFERENCES_DEEP


def pointed(root: Any, reference: str) -> Any:
    """What a `$ref` within the schema points at (RFC 6901), or the part with that `$anchor`. Raises LookupError."""
    if not reference.startswith("#"):
        raise LookupError(f"'{reference}' points out of the schema")
    place = unquote(reference[1:])
    if place and not place.startswith("/"):
        return _anchored(root, place)
    found = root
    for part in place.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise LookupError(f"'{reference}' points at nothing in the schema") from None
    if not isinstance(found, Mapping | bool):
        raise LookupError(f"'{reference}' points at no schema")
    return found


def _anchored(root: Any, name: str) -> Any:
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if part.get("$anchor") == name:
                return part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    raise LookupError(f"'#{name}' is no anchor of the schema")
