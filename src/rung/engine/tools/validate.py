"""Arguments against their JSON schema, as a hostile server may write it: no pattern hangs us, no reference is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rung.engine.tools.schema import REFERENCES_DEEP, pointed

# Of one text against one pattern. Those that people write take microseconds.
PATTERN_S = 0.25


def validator_of(parameters: Mapping[str, Any]) -> Any:
    """A JSON Schema validator of one tool's arguments, of the draft that the schema names, else 2020-12.

    Patterns are searched with a limit on time, references stay within the schema.
    """
    import referencing
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend, validator_for

    keywords = {"pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional_properties}
    extended: Any = extend
    drafted: Any = validator_for(parameters, default=Draft202012Validator)
    return extended(drafted, keywords)(_closed(parameters), registry=referencing.Registry())


def fault_of(validator: Any, arguments: Mapping[str, Any]) -> str:
    """What is wrong with these arguments; empty where nothing is."""
    from referencing.exceptions import Unresolvable

    try:
        fault = next(iter(validator.iter_errors(arguments)), None)
    except Unresolvable as error:
        return f"the tool's own schema cannot be followed: {error}"
    except RecursionError:
        return "they, or the tool's own schema, are nested too deep"
    except TimeoutError:
        return f"a pattern of the tool's own schema takes longer than {PATTERN_S:g} s"
    return str(fault.message) if fault else ""


def whole_numbers(parameters: Mapping[str, Any], arguments: Any) -> Any:
    """The arguments, with an int for each number without a fraction that the schema calls an integer."""
    return _whole(parameters, parameters, arguments, 0)


def _whole(root: Any, schema: Any, value: Any, depth: int) -> Any:
    for _ in range(REFERENCES_DEEP):
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            break
        try:
            schema = pointed(root, schema["$ref"])
        except LookupError:
            return value
    if not isinstance(schema, Mapping) or depth > REFERENCES_DEEP:
        return value
    if isinstance(value, float):
        return int(value) if schema.get("type") == "integer" and value.is_integer() else value
    if isinstance(value, Mapping):
        parts = schema.get("properties") or {}
        return {
            key: _whole(root, parts.get(key, schema.get("additionalProperties")), item, depth + 1) for key, item in value.items()
        }
    return [_whole(root, schema.get("items"), item, depth + 1) for item in value] if isinstance(value, list) else value


def _closed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments are an object that takes nothing it does not list; what is listed elsewhere in the schema, it alone can tell."""
    if parameters.keys() & {"$ref", "allOf", "anyOf", "oneOf"}:
        return {"type": "object"} | dict(parameters)
    named = dict.fromkeys(parameters.get("required", ()), True) | dict(parameters.get("properties") or {})
    return {"type": "object", "additionalProperties": False} | dict(parameters) | {"properties": named}


def _found(pattern: str, text: str) -> bool:
    """Searched by a library that can be told to stop: `re` cannot, and there are patterns that take for ever."""
    import regex

    return regex.search(pattern, text, timeout=PATTERN_S) is not None


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, Mapping):
        for pattern, part in patterns.items():
            for key, value in instance.items():
                if _found(pattern, key):
                    yield from validator.descend(value, part, path=key, schema_path=pattern)


def _additional_properties(validator: Any, rule: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if not isinstance(instance, Mapping):
        return
    patterns = schema.get("patternProperties", {})
    extra = [key for key in instance if key not in schema.get("properties", {}) and not any(_found(own, key) for own in patterns)]
    if isinstance(rule, Mapping):
        for key in extra:
            yield from validator.descend(instance[key], rule, path=key)
    elif rule is False and extra:
        names, verb = ", ".join(map(repr, extra)), "was" if len(extra) == 1 else "were"
        yield ValidationError(f"Additional properties are not allowed ({names} {verb} unexpected)")
