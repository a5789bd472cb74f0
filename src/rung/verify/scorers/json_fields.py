"""The answer is a JSON object whose fields are right: the weighted share of them, each compared in its own way.

A field is compared as `exact` text or value, `fuzzy` text, `number` with the unit beside it, `date` in any usual format,
`datetime` that must say the time of day, `object` (all its fields right) or `list` (all its items right, in order, or as
`match` says). Left out, the fields are taken from the targets: digits with leading zeros are text, and a few odd values change
nothing.

The share is of the fields that the target or the answer says something in: null, missing and blank text say nothing, so that
neither `{}` nor a long answer is right for what is not there. A field that no target has is wrong, unless `ignore_extra`. Of
several objects in an answer the last one counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, field_validator

from rung.errors import UserError
from rung.parts import SchemaConstraint
from rung.types import Example, Score
from rung.verify.column import says_nothing
from rung.verify.fields import FieldConfig, InDoubt, field_fault, settled_fields, short, target_fault
from rung.verify.parse import NotJson, as_text, find_json, strict_json
from rung.verify.schema import closed_values, in_schema_order, infer_schema, schema_fault
from rung.verify.scoring import missing_target

LONGEST_REASON = 2000
NEARLY = (
    "digit changed",
    "zeros dropped",
    "sign added",
    "sign dropped",
    "decimal point moved",
    "field changed",
    "other row's target",
)
PROPOSED: dict[str, dict[str, object]] = {"JSON object": {}}


class Config(BaseModel, extra="forbid", frozen=True, populate_by_name=True):
    """`fields`: name to how it is compared. `all_right`: only an object with every field right counts. `schema`: its form.

    `ignore_extra`: a field that no target has does not matter.
    """

    fields: dict[str, FieldConfig] = Field(default_factory=dict)
    all_right: bool = False
    ignore_extra: bool = False
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, value: Any) -> Any:
        if value is not None and (fault := schema_fault(value)):
            raise ValueError(f"'schema' is no JSON schema: {fault}")
        return value


def accepts(config: Config) -> Mapping[str, str]:
    """What the fields' settings let pass."""
    fields = list(config.fields.values())
    kinds: dict[str, str] = {}
    if any(field.kind == "fuzzy" for field in fields):
        kinds |= dict.fromkeys(
            (*NEARLY, "time changed", "day and month swapped", "unit changed"), "text that is nearly the same is right"
        )
    if any(field.absolute or field.relative for field in fields):
        kinds |= dict.fromkeys(NEARLY, "a number within the tolerance is right")
    kinds |= {"items reordered": "the order of a list does not count"} if any(field.match != "in_order" for field in fields) else {}
    kinds |= {"item dropped": "any item of a list is right"} if any(field.match == "any" for field in fields) else {}
    return kinds | ({"field invented": "fields that no target has do not count"} if config.ignore_extra else {})


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the object."""
    return ("code fence", "sentence")


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """Fields and schema from the targets where the settings name none.

    Raises UserError where the targets are no objects, or a field can be read in two ways.
    """
    objects = [value for row in examples if (value := _object(row.target)) is not None]
    if not objects:
        raise UserError("no target is a JSON object, so that there are no fields to compare", hint="Use the scorer 'exact'.")
    try:
        fields = settled_fields(config.fields, objects)
    except InDoubt as doubt:
        raise UserError(
            str(doubt), hint=f"Say which under 'fields': {{{doubt.name}: {{kind: {doubt.kind}, {doubt.setting}}}}}."
        ) from None
    sound = [value for value in objects if not _target_faults(value, fields)]
    return config.model_copy(
        update={"fields": fields, "json_schema": config.json_schema or _inferred_schema(sound or objects, fields)}
    )


def score(example: Example, output: str, config: Config) -> Score:
    """The weighted share of the fields that are right, and which are not."""
    target = _object(example.target)
    if target is None:
        return Score(value=None, reason="the target is not a JSON object")
    try:
        answer = find_json(output, (dict,))
        return _scored(answer, target, config)
    except NotJson as error:
        return Score(value=0.0, reason=str(error))
    except RecursionError:
        return Score(value=0.0, reason="the JSON in the answer is nested too deeply")


def _scored(answer: Mapping[str, Any], target: Mapping[str, Any], config: Config) -> Score:
    fields = config.fields or settled_fields(None, [target])
    said = [name for name in fields if not (says_nothing(answer.get(name)) and says_nothing(target.get(name)))]
    faults = {name: fault for name in said if (fault := field_fault(answer.get(name), target.get(name), fields[name]))}
    extra = [] if config.ignore_extra else _extra(answer, target, config)
    reason = "; ".join(
        [*(f"{name} {fault}" for name, fault in faults.items()), *(f"{name} is not a field" for name in map(short, extra))]
    )
    wrong = sum(fields[name].weight for name in faults) + len(extra)
    total = sum(fields[name].weight for name in said) + len(extra)
    if not wrong:
        return Score(value=1.0, reason=reason)
    value = 0.0 if config.all_right or len(faults) == len(said) else 1.0 - wrong / total
    return Score(value=value, reason=reason[:LONGEST_REASON])


def _extra(answer: Mapping[str, Any], target: Mapping[str, Any], config: Config) -> list[str]:
    """The fields of an answer that no target has, and that say something."""
    known = {*config.fields, *target, *(config.json_schema or {}).get("properties", {})}
    return [name for name, value in answer.items() if name not in known and not says_nothing(value)]


def render(target: Any, config: Config) -> str:
    """The target as compact JSON, its keys in the schema's order."""
    value = _object(target)
    return as_text(target if value is None else in_schema_order(value, config.json_schema or {}))


def check(example: Example, config: Config) -> str | None:
    """The target must be a JSON object, with numbers and dates in the fields that are compared as such."""
    if problem := missing_target(example):
        return problem
    target = _object(example.target)
    if target is None:
        return f"the target is not a JSON object: {as_text(example.target)[:60]!r}"
    if target and config.fields and not any(name in target for name in config.fields):
        return f"the target has none of the fields {', '.join(config.fields)}"
    return next((f"the target's field '{name}' {fault}" for name, fault in _target_faults(target, config.fields).items()), None)


def constraint(examples: Sequence[Example], config: Config) -> SchemaConstraint:
    """JSON of the schema."""
    objects = [value for row in examples if (value := _object(row.target)) is not None]
    return SchemaConstraint(schema=config.json_schema or _inferred_schema(objects, config.fields))


def closed_set(examples: Sequence[Example], config: Config) -> tuple[str, ...] | None:
    """The different objects, where they are few and each is seen often."""
    return closed_values([render(row.target, config) for row in examples])


def describe(examples: Sequence[Example], config: Config) -> str:
    """Lists the keys, with what may stand under each."""
    schema = constraint(examples, config).schema
    properties = schema.get("properties", {})
    names = properties or config.fields
    parts = [f'"{name}" ({_kind_in_words(properties.get(name, {}), config.fields.get(name))})' for name in names]
    return f"Reply with one JSON object and nothing else. Its keys: {', '.join(parts)}."


def _target_faults(target: Mapping[str, Any], fields: Mapping[str, FieldConfig]) -> dict[str, str]:
    return {name: fault for name, field in fields.items() if (fault := target_fault(target.get(name), field))}


def _inferred_schema(objects: Sequence[Mapping[str, Any]], fields: Mapping[str, FieldConfig]) -> dict[str, Any]:
    """What the targets look like; only fields that are compared exactly are held to a closed set."""
    schema = infer_schema(objects)
    open_fields = {name for name, field in fields.items() if field.kind != "exact"}
    properties = schema.get("properties", {})
    opened = {
        name: {key: item for key, item in part.items() if key != "enum" or name not in open_fields}
        for name, part in properties.items()
    }
    return {**schema, "properties": opened}


def _object(target: Any) -> dict[str, Any] | None:
    try:
        value = strict_json(target) if isinstance(target, str) else target
    except NotJson:
        return None
    return dict(value) if isinstance(value, Mapping) else None


def _kind_in_words(schema: Mapping[str, Any], field: FieldConfig | None) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if field and field.kind in ("number", "date", "datetime"):
        return "number with its unit" if field.needs_unit else field.kind
    kind = schema.get("type", "text")
    return "text" if kind == "string" else str(kind)
