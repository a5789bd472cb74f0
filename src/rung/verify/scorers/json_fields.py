"""The answer is a JSON object whose fields are right: the weighted share of them, each compared in its own way.

A field is compared as `exact` text or value, `fuzzy` text, `number` within a tolerance, or `date` in any usual format. A field that
the target lacks, or has as null, must be lacking or null in the answer. Left out, the fields are taken from the targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from rung.errors import UserError
from rung.json_form import canonical_json
from rung.parts import SchemaConstraint
from rung.types import Example, Score
from rung.verify.parse import NotJson, as_text, close, find_json, read_date, read_number, strict_json
from rung.verify.schema import closed_values, in_schema_order, infer_schema, schema_fault
from rung.verify.scoring import missing_target

_SETTINGS_OF = {
    "exact": {"ignore_case"},
    "fuzzy": {"ignore_case", "threshold"},
    "number": {"absolute", "relative"},
    "date": {"day_first"},
}

PROPOSED: dict[str, dict[str, object]] = {"JSON object": {}}


class FieldConfig(BaseModel, extra="forbid", frozen=True):
    """How one field is compared, and what it weighs. `threshold`: the least similarity (rapidfuzz ratio) that is right."""

    kind: Literal["exact", "fuzzy", "number", "date"] = "exact"
    weight: float = Field(default=1.0, gt=0)
    ignore_case: bool = False
    threshold: float = Field(default=0.9, gt=0, le=1)
    absolute: float = Field(default=0.0, ge=0)
    relative: float = Field(default=1e-9, ge=0, lt=1)
    day_first: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_kind(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _own_settings(self) -> FieldConfig:
        kinds = {name: kind for kind, names in _SETTINGS_OF.items() for name in names}
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        foreign = sorted(name for name in set(kinds) - _SETTINGS_OF[self.kind] if getattr(self, name) != defaults[name])
        if foreign:
            raise ValueError(f"'{foreign[0]}' is not a setting of the kind '{self.kind}' but of '{kinds[foreign[0]]}'")
        return self


class Config(BaseModel, extra="forbid", frozen=True, populate_by_name=True):
    """`fields`: name to how it is compared. `all_right`: only an object with every field right counts. `schema`: its form."""

    fields: dict[str, FieldConfig] = Field(default_factory=dict)
    all_right: bool = False
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, value: Any) -> Any:
        if value is not None and (fault := schema_fault(value)):
            raise ValueError(f"'schema' is no JSON schema: {fault}")
        return value


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the object."""
    return ("code fence", "sentence")


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """Fields and schema from the targets where the settings name none. Raises UserError where the targets are no objects."""
    objects = [value for row in examples if (value := _object(row.target)) is not None]
    if not objects:
        raise UserError("no target is a JSON object, so that there are no fields to compare", hint="Use the scorer 'exact'.")
    keys = dict.fromkeys(key for value in objects for key in value)
    fields = config.fields or {key: _inferred([value.get(key) for value in objects]) for key in keys}
    return config.model_copy(update={"fields": fields, "json_schema": config.json_schema or _inferred_schema(objects, fields)})


def score(example: Example, output: str, config: Config) -> Score:
    """The weighted share of the fields that are right, and which are not."""
    target = _object(example.target)
    if target is None:
        return Score(value=None, reason="the target is not a JSON object")
    try:
        answer = find_json(output, (dict,))
    except NotJson as error:
        return Score(value=0.0, reason=str(error))
    fields = config.fields or {key: _inferred([value]) for key, value in target.items()}
    wrong = [name for name, field in fields.items() if not _right(answer.get(name), target.get(name), field)]
    total = sum(field.weight for field in fields.values())
    value = 1.0 - sum(fields[name].weight for name in wrong) / total if len(wrong) < len(fields) else float(not fields)
    reason = "; ".join(f"{name} is {_short(answer.get(name))}, expected {_short(target.get(name))}" for name in wrong)
    return Score(value=0.0 if config.all_right and wrong else value, reason=reason)


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
    if not any(name in target for name in config.fields):
        return f"the target has none of the fields {', '.join(config.fields)}"
    for name, field in config.fields.items():
        value = target.get(name)
        if value is not None and not _right(value, value, field):
            return f"the target's field '{name}' is not a {field.kind}: {_short(value)}"
    return None


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


def _inferred(values: Sequence[Any]) -> FieldConfig:
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return FieldConfig(kind="number")
    dates = present and all(isinstance(value, str) and not value.isdigit() and read_date(value) for value in present)
    return FieldConfig(kind="date") if dates else FieldConfig()


def _right(value: Any, target: Any, field: FieldConfig) -> bool:
    if value is None or target is None:
        return value is target
    if field.kind == "number":
        number, goal = read_number(value), read_number(target)
        return bool(number and goal) and close(number, goal, absolute=field.absolute, relative=field.relative)  # type: ignore[arg-type]
    if field.kind == "date":
        day = read_date(value, day_first=field.day_first)
        return day is not None and day == read_date(target, day_first=field.day_first)
    if field.kind == "fuzzy":
        return _similarity(_normal(value, field), _normal(target, field)) >= field.threshold
    return _normal(value, field) == _normal(target, field)


def _similarity(left: str, right: str) -> float:
    from rapidfuzz.fuzz import ratio

    return ratio(left, right) / 100


def _normal(value: Any, field: FieldConfig) -> str:
    """Texts without white space around them, other values as canonical JSON, `1.0` as `1`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.strip() if isinstance(value, str) else canonical_json(value)
    return text.casefold() if field.ignore_case else text


def _object(target: Any) -> dict[str, Any] | None:
    try:
        value = strict_json(target) if isinstance(target, str) else target
    except NotJson:
        return None
    return dict(value) if isinstance(value, Mapping) else None


def _kind_in_words(schema: Mapping[str, Any], field: FieldConfig | None) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if field and field.kind in ("number", "date"):
        return field.kind
    kind = schema.get("type", "text")
    return "text" if kind == "string" else str(kind)


def _short(value: Any) -> str:
    text = "missing" if value is None else as_text(value)
    return text if len(text) <= 60 else text[:57] + "..."
