"""What a client wants of the form of an answer: tools, tool_choice, response_format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rung.engine.constrain import schema_fault
from rung.engine.tools.schema import grammar_fault
from rung.parts import SchemaConstraint
from rung.serve.limits import Limits
from rung.serve.question import ANY_OBJECT, AUTO, NONE, REQUIRED
from rung.serve.types import Refused

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FUNCTION_KEYS = frozenset({"name", "description", "parameters", "strict"})


def tools_of(given: Sequence[Any] | None, limits: Limits) -> tuple[Mapping[str, Any], ...]:
    """The client's tools, in OpenAI's form. Raises Refused, with the place of the one that is meant."""
    if not given:
        return ()
    if len(given) > limits.tools:
        raise _bad(f"at most {limits.tools} tools are taken", "tools")
    tools, seen = [], set[str]()
    for place, tool in enumerate(given):
        where = f"tools[{place}]"
        if not isinstance(tool, Mapping) or tool.get("type") != "function" or not isinstance(tool.get("function"), Mapping):
            raise _bad("only tools of the type function are called here: {type: function, function: {...}}", where)
        function = _function(tool["function"], f"{where}.function", limits)
        if function["name"] in seen:
            raise _bad(f"two tools are called '{function['name']}'", f"{where}.function.name")
        seen.add(function["name"])
        tools.append({"type": "function", "function": function})
    return tuple(tools)


def choice_of(given: Any, param: str = "tool_choice") -> str:
    """none, auto, required, or the name of the one function that must be called."""
    if given is None:
        return AUTO
    if given in (NONE, AUTO, REQUIRED):
        return str(given)
    if isinstance(given, Mapping) and given.get("type") == "function":
        function = given.get("function", given)
        if isinstance(function, Mapping) and isinstance(function.get("name"), str) and NAME.fullmatch(function["name"]):
            return str(function["name"])
    raise _bad("must be none, auto, required, or {type: function, function: {name: ...}}", param)


def form_of(given: Any, limits: Limits, param: str = "response_format") -> SchemaConstraint | None:
    """What a response_format holds the answer to; None where it may be any text. Raises Refused for a schema that cannot be."""
    if given is None:
        return None
    kind = given.get("type") if isinstance(given, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return SchemaConstraint(schema=ANY_OBJECT)
    if kind != "json_schema":
        raise _bad("its type must be text, json_object or json_schema", param)
    # The Responses API has the schema's fields beside the type, the others have them in an object of their own.
    inside = given.get("json_schema", given)
    where = f"{param}.json_schema.schema" if inside is not given else f"{param}.schema"
    if not isinstance(inside, Mapping) or not isinstance(inside.get("schema"), Mapping):
        raise _bad("a json_schema has a name and a schema", param)
    schema = dict(inside["schema"])
    _refuse_large(schema, limits, where)
    if fault := schema_fault(schema):
        problem = f"Invalid schema for {param}: no answer can be held to it: {fault}."
        raise Refused(400, problem, param=where, code="invalid_schema")
    return SchemaConstraint(schema=schema)


def _function(given: Mapping[str, Any], where: str, limits: Limits) -> dict[str, Any]:
    for key in given:
        if key not in _FUNCTION_KEYS:
            raise _bad(f"a function has no '{key[:80]}'", f"{where}.{key[:80]}", code="unknown_parameter")
    name = given.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _bad("a function's name has 1 to 64 letters, digits, '_', '-' or '.'", f"{where}.name")
    function: dict[str, Any] = {"name": name}
    if given.get("description") is not None:
        if not isinstance(given["description"], str):
            raise _bad("must be a text", f"{where}.description")
        function["description"] = given["description"]
    if given.get("parameters") is not None:
        if not isinstance(given["parameters"], Mapping):
            raise _bad("must be a JSON schema", f"{where}.parameters")
        _refuse_large(given["parameters"], limits, f"{where}.parameters")
        function["parameters"] = given["parameters"]
    if fault := grammar_fault(function):
        problem = f"Invalid schema for function '{name}': {fault}."
        raise Refused(400, problem, param=f"{where}.parameters", code="invalid_function_parameters")
    return function


def _refuse_large(schema: Mapping[str, Any], limits: Limits, where: str) -> None:
    if len(json.dumps(schema)) > limits.schema_bytes:
        raise Refused(400, f"Invalid value for '{where}': the schema is too large.", param=where, code="invalid_schema")


def _bad(problem: str, where: str, *, code: str = "invalid_value") -> Refused:
    return Refused(400, f"Invalid value for '{where}': {problem}.", param=where, code=code)
