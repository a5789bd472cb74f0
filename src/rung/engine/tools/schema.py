"""The JSON schema of a call, in the form that a grammar can hold a model to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.engine.chat import tool_function
from rung.errors import UserError
from rung.parts import CallConstraint

# Prose and annotations that no grammar needs, and `format`, of which engines know different lists.
_NOT_GRAMMAR = ("description", "default", "title", "format", "examples", "$defs", "definitions", "$schema")


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
    arguments = _json_schema(function.get("parameters") or {"type": "object", "properties": {}})
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def check_grammar(function: Mapping[str, Any], where: str) -> None:
    """Raises UserError where no grammar can be made of a tool's arguments: told before anything is asked, and of which tool."""
    import json

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from llguidance import LLMatcher

    name = function["name"]
    hint = f"Simplify the arguments of '{name}' (patterns, deep nesting, unusual types), or leave the tool out."
    try:
        Draft202012Validator.check_schema(function.get("parameters") or {})
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(call_schema(function)), overrides={"whitespace_flexible": False})
        fault = LLMatcher.validate_grammar(grammar)
    except (SchemaError, ValueError, TypeError, AttributeError, RecursionError) as error:
        fault = str(error)
    if fault:
        reason = " ".join(fault.split("<state>")[0].split())[:300]
        raise UserError(f"calls of the tool '{name}' cannot be constrained to its schema: {reason}", where=where, hint=hint)


def _json_schema(schema: Any, defs: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """Parameters as JSON Schema that a grammar can hold a model to: references put in place, no prose.

    Objects that list their properties take no others. A type that contains itself is held to for eight levels, then left open.
    """
    if isinstance(schema, bool):
        return schema
    defs = {**(defs or {}), **(schema.get("definitions") or {}), **(schema.get("$defs") or {})}
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    if depth > 8:
        return {}
    if name in defs:
        return _json_schema(defs[name], defs, depth + 1)
    kept = {key: value for key, value in schema.items() if key not in _NOT_GRAMMAR}
    if kept.get("type") == "array" and not all(isinstance(value, list) for value in kept.get("enum", ())):
        # Written by many hands: the values that the array's items may take, one level too high, which nothing could satisfy.
        kept["items"] = {**(kept.get("items") or {}), "enum": kept.pop("enum")}
    if isinstance(kept.get("properties"), Mapping):
        kept["properties"] = {key: _json_schema(part, defs, depth + 1) for key, part in kept["properties"].items()}
        kept.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), Mapping):
            kept[key] = _json_schema(kept[key], defs, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(kept.get(key), Sequence):
            kept[key] = [_json_schema(part, defs, depth + 1) for part in kept[key]]
    return kept
