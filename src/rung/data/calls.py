"""Tools and tool calls in one form each, whatever form they came in.

A tool is kept as OpenAI has it: `{"type": "function", "function": {"name", "description", "parameters": JSON schema}}`.
A target is a list of `{"name", "arguments"}`; where several values are right also `"allowed": {argument: [values]}`, in which ""
says that the argument may be left out (as the Berkeley function-calling benchmark has it). The empty list: no call is right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rung.calls import Call, NotCalls, read_calls
from rung.data.padding import fitted, without_nulls
from rung.data.read.formats import parse_json
from rung.data.read.rows import RowError

# The benchmark's type names in Python, Java and JavaScript, and the JSON schema's; "any" has no counterpart and is left out.
SCHEMA_TYPES = {
    **dict.fromkeys(("dict", "HashMap", "Hashtable", "Dict"), "object"),
    **dict.fromkeys(("float", "double", "Float"), "number"),
    **dict.fromkeys(("int", "byte", "short", "long", "Bigint"), "integer"),
    **dict.fromkeys(("tuple", "list", "set", "List", "Tuple", "Set", "Array", "ArrayList", "Queue", "Stack"), "array"),
    **dict.fromkeys(("str", "char", "String"), "string"),
    **dict.fromkeys(("bool", "Boolean"), "boolean"),
}
_OWN_KEYS = {"name", "arguments", "function", "tool_calls"}
STANDARD_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def as_tools(value: Any) -> tuple[dict[str, Any], ...]:
    """A row's tools in OpenAI form. `value` is a list, one tool, or either as JSON text. Raises RowError."""
    value = without_nulls(_from_text(value, "tools"))
    if value is None:
        return ()
    found = [tool for entry in (value if isinstance(value, list) else [value]) for tool in _declared(entry)]
    return tuple(_tool(entry, number) for number, entry in enumerate(found, start=1))


def as_calls(value: Any, tools: Sequence[Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
    """A target's calls in canonical form; with the row's tools also their arguments as these have them (`rung.data.padding`).

    Raises RowError where `value` is no call or list of calls.
    """
    value = _bare(_from_text(value, "the tool-call target"))
    entries = value if isinstance(value, list) else [value]
    if not any(_is_allowed(entry) for entry in entries):
        return _read(value, tools)
    nested = [[_allowed_call(entry, tools or ())] if _is_allowed(entry) else _read([entry], tools) for entry in entries]
    return [call for calls in nested for call in calls]


def looks_like_calls(value: Any) -> bool:
    """Whether a target (a value, or its JSON text) is a call or a list of calls in any of the known forms, or was meant to be."""
    if isinstance(value, str):
        if not value.lstrip().startswith(("[", "{")):
            return False
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    value = _bare(value)
    entries = value if isinstance(value, list) else [value]
    if entries and all(_is_allowed(entry) for entry in entries):
        return True
    try:
        read_calls([entry for entry in entries if not _is_allowed(entry)] if isinstance(value, list) else value, target=True)
    except NotCalls as error:
        return error.meant
    return True


def _bare(value: Any) -> Any:
    """A target without the nulls that a column of structs gives the benchmark's entries: other functions' names and arguments."""
    if isinstance(value, list):
        return [_bare(entry) for entry in value if entry is not None]
    filled = {key: part for key, part in value.items() if part is not None} if isinstance(value, dict) else {}
    if len(filled) != 1 or filled.keys() & _OWN_KEYS:
        return value
    ((name, allowed),) = filled.items()
    if not isinstance(allowed, dict):
        return value
    return {name: {argument: values for argument, values in allowed.items() if values is not None}}


def _read(value: Any, tools: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    try:
        calls = read_calls(value, target=True)
    except NotCalls as error:
        either = "" if error.meant else " or {name: {argument: [allowed values]}}"
        raise RowError(f"{error}{either}") from None
    if faulty := next((call for call in calls if call.fault), None):
        raise RowError(f"the arguments of {faulty.name}: {faulty.fault}")
    read = [(call, call.arguments if tools is None or call.allowed is not None else with_schema(call, tools)) for call in calls]
    return [
        {"name": call.name, "arguments": arguments} | ({} if call.allowed is None else {"allowed": call.allowed})
        for call, arguments in read
    ]


def with_schema(call: Call, tools: Sequence[Mapping[str, Any]]) -> Any:
    """A call's arguments as the schema of its function, in OpenAI form, has them."""
    return fitted(call.arguments, _parameters_of(call.name, tools))


def _from_text(value: Any, what: str) -> Any:
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return parse_json(value)
    except RowError as error:
        raise RowError(f"{what}: {error}") from None


def _is_allowed(entry: Any) -> bool:
    """`{function: {argument: [allowed values]}}`, the benchmark's own form, which a model does not write."""
    if not isinstance(entry, dict) or len(entry) != 1 or entry.keys() & _OWN_KEYS:
        return False
    (arguments,) = entry.values()
    return isinstance(arguments, dict) and all(isinstance(values, list) for values in arguments.values())


def _allowed_call(entry: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ((name, allowed),) = entry.items()
    required = _required(name, tools)
    chosen = {argument: _first(values, argument in required) for argument, values in allowed.items()}
    return {"name": name, "arguments": {a: v for a, v in chosen.items() if v is not _OMITTED}, "allowed": allowed}


_OMITTED = object()


def _required(name: str, tools: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    required: Sequence[str] = _parameters_of(name, tools).get("required", [])
    return required


def _parameters_of(name: str, tools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    functions = (tool["function"] for tool in tools)
    return next((f["parameters"] for f in functions if f["name"] == name), {})


def _first(values: Sequence[Any], required: bool) -> Any:
    """The first allowed value; "" stands for leaving the argument out, which a required one is not while there is another."""
    filled = [value for value in values if value != ""]
    if required and filled:
        return _nested(filled[0])
    if not values or (values[0] == "" and not required):
        return _OMITTED
    return _nested(values[0])


def _nested(value: Any) -> Any:
    """An allowed value's own first choice: inside an object every field again lists what is allowed."""
    if isinstance(value, list):
        return [_nested(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    fields = {name: _first(v, False) if isinstance(v, list) else v for name, v in value.items()}
    return {name: v for name, v in fields.items() if v is not _OMITTED}


def _declared(entry: Any) -> list[Any]:
    """A tool, or the several that Google's `functionDeclarations` hold."""
    keys = ("functionDeclarations", "function_declarations")
    held = next((entry[key] for key in keys if isinstance(entry.get(key), list)), None) if isinstance(entry, dict) else None
    return [entry] if held is None else held


def _tool(entry: Any, number: int) -> dict[str, Any]:
    function = entry.get("function", entry.get("toolSpec", entry)) if isinstance(entry, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise RowError(f"tool {number} has no function name")
    schemas = (function.get(key) for key in ("parameters", "input_schema", "inputSchema"))
    parameters = next((schema for schema in schemas if schema is not None), None) or {}
    parameters = parameters["json"] if isinstance(parameters, dict) and set(parameters) == {"json"} else parameters
    if not isinstance(parameters, dict):
        raise RowError(f"the parameters of tool {function['name']} are not a JSON schema")
    described = {"description": str(function["description"])} if function.get("description") else {}
    return {"type": "function", "function": {"name": function["name"], **described, "parameters": _parameters(parameters)}}


def _parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    if isinstance(parameters.get("type"), str) or "properties" in parameters or "$ref" in parameters:
        schema = as_schema(parameters)
        return schema if "type" in schema else {"type": "object", **schema}
    bare = {name: value for name, value in parameters.items() if isinstance(value, dict)}
    required = [name for name, value in bare.items() if "default" not in value and "optional" not in str(value.get("type", ""))]
    properties = {name: as_schema(value) for name, value in bare.items()}
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def as_schema(schema: Any) -> Any:
    """A JSON schema with its types named as the standard has them ("dict" is "object", "float" is "number", "any" is left out)."""
    if not isinstance(schema, dict):
        return schema
    done = dict(schema)
    if isinstance(done.get("type"), str):
        kind = _schema_type(done.pop("type"))
        done = ({"type": kind} if kind else {}) | done
    for key in ("properties", "$defs", "definitions", "patternProperties"):
        if isinstance(done.get(key), dict):
            done[key] = {name: as_schema(value) for name, value in done[key].items()}
    for key in ("items", "additionalProperties", "not"):
        if key in done:
            done[key] = [as_schema(v) for v in done[key]] if isinstance(done[key], list) else as_schema(done[key])
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if isinstance(done.get(key), list):
            done[key] = [as_schema(value) for value in done[key]]
    return done


def _schema_type(name: str) -> str | None:
    """The standard's type for names such as "dict", "float" or Python's "List[str], optional"; None where any type will do."""
    stem = re.split(r"[\[,]", name.strip(), maxsplit=1)[0].strip()
    return stem.lower() if stem.lower() in STANDARD_TYPES else SCHEMA_TYPES.get(stem)
