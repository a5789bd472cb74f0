"""Whether the calls of an answer are those that were wanted; `rung.calls` says what is a call.

A target is a list of calls `{"name": str, "arguments": {...}, "allowed": {argument: [values...]}}`, or one of them. `allowed` is
optional; an argument named there may have any of its values, and may be left out where `""` is one of them. An object among the
allowed values whose keys all hold lists gives, key by key, the values that are allowed in it. The form of `allowed` is that of the
Berkeley function-calling benchmark (the `ground_truth` of its data files), and so is the comparison (its `ast_checker.py`), with
these differences: rules for values hold at any depth, not one or two levels; calls in any order are paired the best way, not the
first; a call that is broken off does not count as no call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rung.calls import Call, NotCalls, read_calls
from rung.verify.parse import NotJson, strict_json

_LOOSE = re.compile(r"[ ,./\-_*^]")  # what the benchmark's standardize_string drops
_LEFT_OUT = ""


def target_calls(target: Any) -> list[Call] | None:
    """The calls that a target asks for, none for prose (a reply without a call is right); None where it cannot be read."""
    if isinstance(target, str) and not target.lstrip().startswith(("{", "[")):
        return []
    try:
        calls = read_calls(strict_json(target) if isinstance(target, str) else target, target=True)
    except (NotJson, NotCalls):
        return None
    return None if any(call.fault for call in calls) else calls


def calls_fault(calls: Sequence[Call], wanted: Sequence[Call], tools: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with the calls of an answer, whose order is free; None where each is one that was wanted."""
    if len(calls) != len(wanted):
        return f"{_count(len(calls))}, expected {_count(len(wanted))}"
    if len(calls) == 1:
        return call_fault(calls[0], wanted[0], tools)
    taken = paired([[call_fault(call, goal, tools) is None for goal in wanted] for call in calls])
    alone = next((call for index, call in enumerate(calls) if index not in taken.values()), None)
    return f"{alone.name}: no wanted call is left that this one could be" if alone else None


def call_fault(call: Call, wanted: Call, tools: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with one call; None where it is the wanted one."""
    if call.fault:
        return f"{call.name}: {call.fault}"
    if _name_key(call.name) != _name_key(wanted.name):
        return f"calls {call.name}, expected {wanted.name}"
    parameters = parameters_of(wanted.name, tools)
    for name in (parameters or {}).get("required", ()):
        if name not in call.arguments:
            return f"{call.name}: the required argument '{name}' is missing"
    return _unknown(call, wanted, parameters) or _wrong_value(call, wanted, parameters or {})


def parameters_of(name: str, tools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The JSON schema of a function's arguments; None where no tool has that name."""
    for tool in tools:
        function = tool.get("function", tool)
        if _name_key(function.get("name", "")) == _name_key(name):
            return function.get("parameters") or {}
    return None


def _is_choice_object(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(part, list) and part for part in value.values())


def _accepted(wanted: Call) -> dict[str, Sequence[Any]]:
    return {name: [value] for name, value in wanted.arguments.items()} | dict(wanted.allowed or {})


def _unknown(call: Call, wanted: Call, parameters: Mapping[str, Any] | None) -> str | None:
    known = None if parameters is None else parameters.get("properties", {})
    for name in call.arguments:
        if known is not None and name not in known:
            return f"{call.name}: there is no argument '{name}'"
        if name not in _accepted(wanted):
            return f"{call.name}: the argument '{name}' is not wanted"
    return None


def _wrong_value(call: Call, wanted: Call, parameters: Mapping[str, Any]) -> str | None:
    chosen = wanted.allowed or {}
    for name, values in _accepted(wanted).items():
        if name not in call.arguments:
            if name in chosen and _LEFT_OUT in values:
                continue
            return f"{call.name}: the argument '{name}' is missing"
        schema = _part(parameters, "properties", name)
        if not any(_same(call.arguments[name], value, schema, name in chosen) for value in values):
            return f"{call.name}: '{name}' is {call.arguments[name]!r}, expected " + " or ".join(map(repr, values))
    return None


def _same(value: Any, right: Any, schema: Mapping[str, Any], choices: bool) -> bool:
    """Whether a value is the right one. `choices`: objects may be of the kind that lists what is allowed under each key."""
    if isinstance(value, bool) or isinstance(right, bool):
        return value is right
    if isinstance(value, int | float) and isinstance(right, int | float):
        return value == right and not (isinstance(value, float) and schema.get("type") == "integer")
    if isinstance(value, str) and isinstance(right, str):
        return _loose(value) == _loose(right)
    if isinstance(value, list) and isinstance(right, list):
        items = _part(schema, "items")
        return len(value) == len(right) and all(_same(a, b, items, choices) for a, b in zip(value, right, strict=True))
    if isinstance(value, Mapping) and isinstance(right, Mapping):
        return _same_object(value, right, schema, choices)
    return value is None and right is None


def _same_object(value: Mapping[str, Any], right: Mapping[str, Any], schema: Mapping[str, Any], choices: bool) -> bool:
    def fits(key: str, values: Sequence[Any]) -> bool:
        return any(_same(value[key], item, _part(schema, "properties", key), choices) for item in values)

    if value.keys() == right.keys() and all(fits(key, [item]) for key, item in right.items()):
        return True
    if not (choices and _is_choice_object(right)) or not value.keys() <= right.keys():
        return False
    return all(fits(key, values) if key in value else _LEFT_OUT in values for key, values in right.items())


def _part(schema: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        inner = schema.get(key)
        schema = inner if isinstance(inner, Mapping) else {}
    return schema


def _loose(text: str) -> str:
    return _LOOSE.sub("", text).lower().replace("'", '"')


def _name_key(name: str) -> str:
    """OpenAI's names take no dots, so that servers write `math.factorial` as `math_factorial`."""
    return name.replace(".", "_")


def paired(fits: Sequence[Sequence[bool]]) -> dict[int, int]:
    """Wanted call -> call, as many pairs as can be; `fits[call][wanted]` (Kuhn's algorithm for bipartite matching)."""
    taken: dict[int, int] = {}
    for index in range(len(fits)):
        _pair(index, fits, taken, set())
    return taken


def _pair(index: int, fits: Sequence[Sequence[bool]], taken: dict[int, int], tried: set[int]) -> bool:
    """Finds a wanted call for call `index`, moving earlier ones where needed."""
    for goal, fit in enumerate(fits[index]):
        if fit and goal not in tried:
            tried.add(goal)
            if goal not in taken or _pair(taken[goal], fits, taken, tried):
                taken[goal] = index
                return True
    return False


def _count(number: int) -> str:
    return {0: "no call", 1: "one call"}.get(number, f"{number} calls")
