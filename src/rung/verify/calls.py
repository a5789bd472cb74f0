"""Whether the calls of an answer are those that were wanted; `rung.calls` says what is a call.

A target is a list of calls `{"name": str, "arguments": {...}, "allowed": {argument: [values...]}}`, or one of them. `allowed` is
optional; an argument named there may have any of its values, and may be left out where `""` is one of them. An object among the
allowed values whose keys all hold lists gives, key by key, the values that are allowed in it.

What two values must have in common is said by `Rules`. By themselves (`strings: exact`):

texts       equal but for white space around them and for Unicode's composed and decomposed forms (NFC); case counts, in an enum too
            an RFC 3339 time where the schema says `format: date-time`: the same instant, however its offset is written
numbers     equal in value at any size; a fraction's form (2.0) is wrong where the schema says integer, a text ("2") always
left out    an argument that has its schema's default may be left out or be given, as it may be where it is null and the schema says
            nothing against null: the function is called in the same way
objects     key by key, by the same rules; lists item by item, in order
calls       in any order, paired the best way, or in the order given (`order: given`); one too many or made twice is wrong
names       equal, where a dot may be an underscore: OpenAI's names take no dots

With `strings: bfcl` as the Berkeley function-calling benchmark compares (its `ast_checker.py`, whose `ground_truth` has the form of
`allowed`): texts without regard to case, spaces and `,./-_*^`, so that "-50.00" is "5000"; nothing may be left out that `allowed`
does not say. The differences from the benchmark: its rules for values hold at any depth, not one or two levels; calls in any order
are paired the best way, not the first; a call that is broken off does not count as no call; texts are compared so under a schema of
any type, too, where the benchmark compares them as they stand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from rung.calls import Call, NotCalls, read_calls
from rung.data.call_texts import begins_as_json, calls_of, unreadable
from rung.data.padding import admits_null, types_of
from rung.data.read.rows import RowError
from rung.verify.parse import as_text

_LOOSE = re.compile(r"[ ,./\-_*^]")  # what the benchmark's standardize_string drops
_LEFT_OUT = ""
MOST_CALLS = 200  # of a target: each is held against each of the answer
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:[Zz]|[+-]\d{2}:\d{2})")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How calls are compared: the forms of texts, and whether several calls stand in their order."""

    strings: Literal["exact", "bfcl"] = "exact"
    ordered: bool = False

    @property
    def exact(self) -> bool:
        return self.strings == "exact"


EXACT = Rules()
Tools = Sequence[Mapping[str, Any]]


def target_calls(target: Any, tools: Tools = ()) -> list[Call] | None:
    """The calls that a target asks for, none for prose (a reply without a call is right); None where it cannot be read."""
    try:
        return read_target(target, tools)
    except RowError:
        return None


def read_target(target: Any, tools: Tools = ()) -> list[Call]:
    """The same. Raises RowError, with the reason, where it was meant as calls, or can be no prose, and cannot be read."""
    if isinstance(target, str):
        found = calls_of(target, tools)
        if found is None and begins_as_json(target):
            raise RowError(unreadable(target))
        target = found or []
    try:
        calls = read_calls(target, target=True)
    except NotCalls as error:
        raise RowError(f"the target is not a function call: {as_text(target)[:60]!r}; {error}") from None
    if len(calls) > MOST_CALLS:
        raise RowError(f"the target makes {len(calls):,} calls, more than {MOST_CALLS}")
    if faulty := next((call for call in calls if call.fault), None):
        raise RowError(f"the target is not a function call: the arguments of {faulty.name}: {faulty.fault}")
    return calls


def calls_fault(calls: Sequence[Call], wanted: Sequence[Call], tools: Tools, rules: Rules = EXACT) -> str | None:
    """What is wrong with the calls of an answer; None where each is one that was wanted."""
    if len(calls) != len(wanted):
        return f"{_count(len(calls))}, expected {_count(len(wanted))}"
    if len(calls) == 1 or rules.ordered:
        pairs = zip(calls, wanted, strict=True)
        return next((fault for call, goal in pairs if (fault := call_fault(call, goal, tools, rules))), None)
    taken = paired([[call_fault(call, goal, tools, rules) is None for goal in wanted] for call in calls])
    alone = next((call for index, call in enumerate(calls) if index not in taken.values()), None)
    return f"{alone.name}: no wanted call is left that this one could be" if alone else None


def call_fault(call: Call, wanted: Call, tools: Tools, rules: Rules = EXACT) -> str | None:
    """What is wrong with one call; None where it is the wanted one."""
    if call.fault:
        return f"{call.name}: {call.fault}"
    if not same_name(call.name, wanted.name):
        unknown = ", which is none of the tools" if tools and parameters_of(call.name, tools) is None else ""
        return f"calls {call.name}{unknown}, expected {wanted.name}"
    parameters = parameters_of(wanted.name, tools)
    for name in (parameters or {}).get("required", ()):
        if name not in call.arguments:
            return f"{call.name}: the required argument '{name}' is missing"
    return _unknown(call, wanted, parameters, rules) or _wrong_value(call, wanted, parameters or {}, rules)


def parameters_of(name: str, tools: Tools) -> Mapping[str, Any] | None:
    """The JSON schema of a function's arguments; None where no tool has that name."""
    for tool in tools:
        function = tool.get("function", tool)
        if same_name(str(function.get("name", "")), name):
            return function.get("parameters") or {}
    return None


def same_name(name: str, other: str) -> bool:
    """OpenAI's names take no dots, so that servers write `math.factorial` as `math_factorial`."""
    return name.replace(".", "_") == other.replace(".", "_")


def _is_choice_object(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(part, list) and part for part in value.values())


def _accepted(wanted: Call) -> dict[str, Sequence[Any]]:
    return {name: [value] for name, value in wanted.arguments.items()} | dict(wanted.allowed or {})


def _unknown(call: Call, wanted: Call, parameters: Mapping[str, Any] | None, rules: Rules) -> str | None:
    known = None if parameters is None else parameters.get("properties", {})
    if known is not None and rules.exact and _open(parameters or {}):
        known = None
    for name, value in call.arguments.items():
        if known is not None and name not in known:
            return f"{call.name}: there is no argument '{name}'"
        if name not in _accepted(wanted) and not (
            rules.exact and _says_nothing(value, _part(parameters or {}, "properties", name))
        ):
            return f"{call.name}: the argument '{name}' is not wanted"
    return None


def _open(parameters: Mapping[str, Any]) -> bool:
    """Whether there may be arguments that the schema does not name."""
    more = parameters.get("additionalProperties")
    return bool(more) if more is not None else not parameters.get("properties")


def _wrong_value(call: Call, wanted: Call, parameters: Mapping[str, Any], rules: Rules) -> str | None:
    chosen = wanted.allowed or {}
    for name, values in _accepted(wanted).items():
        schema = _part(parameters, "properties", name)
        if name not in call.arguments:
            if (name in chosen and _LEFT_OUT in values) or (rules.exact and any(_says_nothing(value, schema) for value in values)):
                continue
            return f"{call.name}: the argument '{name}' is missing"
        compare = _Comparison(rules=rules, choices=name in chosen)
        # "" says that the argument may be left out; only a text can be it.
        told = values if name not in chosen or types_of(schema) <= {"string"} else [value for value in values if value != _LEFT_OUT]
        if not any(compare.same(call.arguments[name], value, schema) for value in told):
            return f"{call.name}: '{name}' is {call.arguments[name]!r}, expected " + " or ".join(map(repr, values))
    return None


def _says_nothing(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether an argument of this value is as good as none: its default, or null where the schema does not forbid that."""
    if "default" in schema and _Comparison(rules=EXACT, choices=False).same(value, schema["default"], schema):
        return True
    return value is None and "default" not in schema and (admits_null(schema) or not types_of(schema))


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """Two values under a schema. `choices`: objects may be of the kind that lists what is allowed under each key."""

    rules: Rules
    choices: bool

    def same(self, value: Any, right: Any, schema: Mapping[str, Any]) -> bool:
        if isinstance(value, bool) or isinstance(right, bool):
            return value is right
        if isinstance(value, int | float) and isinstance(right, int | float):
            return value == right and not (isinstance(value, float) and schema.get("type") == "integer")
        if isinstance(value, str) and isinstance(right, str):
            return self._same_text(value, right, schema)
        if isinstance(value, list) and isinstance(right, list):
            items = _part(schema, "items")
            return len(value) == len(right) and all(self.same(a, b, items) for a, b in zip(value, right, strict=True))
        if isinstance(value, Mapping) and isinstance(right, Mapping):
            return self._same_object(value, right, schema)
        return value is None and right is None

    def _same_text(self, value: str, right: str, schema: Mapping[str, Any]) -> bool:
        if not self.rules.exact:
            return _loose(value) == _loose(right)
        value, right = (unicodedata.normalize("NFC", text.strip()) for text in (value, right))
        return value == right or (schema.get("format") == "date-time" and _instant(value) == _instant(right) is not None)

    def _same_object(self, value: Mapping[str, Any], right: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
        def fits(key: str, values: Sequence[Any]) -> bool:
            return any(self.same(value[key], item, _part(schema, "properties", key)) for item in values)

        def needless(key: str, given: Any) -> bool:
            return self.rules.exact and _says_nothing(given, _part(schema, "properties", key))

        more = [key for key in value if key not in right and not needless(key, value[key])]
        less = [key for key in right if key not in value and not needless(key, right[key])]
        if not more and not less and all(fits(key, [item]) for key, item in right.items() if key in value):
            return True
        if not (self.choices and _is_choice_object(right)) or more:
            return False
        return all(fits(key, values) if key in value else _LEFT_OUT in values for key, values in right.items())


def _instant(text: str) -> datetime | None:
    """The instant that an RFC 3339 text with its offset names; None for any other text."""
    try:
        return datetime.fromisoformat(text.upper()) if _TIME.fullmatch(text) else None
    except ValueError:
        return None


def _part(schema: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        inner = schema.get(key)
        schema = inner if isinstance(inner, Mapping) else {}
    return schema


def _loose(text: str) -> str:
    return _LOOSE.sub("", text).lower().replace("'", '"')


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
