"""The answer is JSON that fits a schema; what its values say is not looked at (that is `json_fields`).

Left out, the schema is taken from the data: one that fits every target, but for a few of another kind than the rest, which are
told. Of several JSON values in an answer the last one counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, field_validator

from rung.errors import UserError
from rung.parts import Constraint, SchemaConstraint
from rung.types import Example, Score
from rung.verify.parse import NotJson, as_text, find_json, strict_json, unfenced
from rung.verify.schema import in_schema_order, infer_schema, of_main_kind, schema_fault, value_fault
from rung.verify.scoring import EVERY_KIND

TARGETLESS = True


class Config(BaseModel, extra="forbid", frozen=True, populate_by_name=True):
    """`schema`: a JSON schema (draft 2020-12), or the name of a file that holds one."""

    json_schema: dict[str, Any] | str | None = Field(default=None, alias="schema")

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, value: Any) -> Any:
        if isinstance(value, dict) and (fault := schema_fault(value)):
            raise ValueError(f"'schema' is no JSON schema: {fault}")
        return value


def accepts(config: Config) -> Mapping[str, str]:
    """Whatever has the form."""
    return {EVERY_KIND: "only the form is looked at, not what the values say"}


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the JSON."""
    return ("code fence", "sentence")


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """The schema itself in the place of a file's name, or taken from the targets. Raises UserError where neither gives one."""
    if isinstance(config.json_schema, dict):
        return config
    if isinstance(config.json_schema, str):
        return Config(json_schema=_read(folder / config.json_schema))
    values = [value for row in examples if (value := _target_value(row)) is not None]
    if not values:
        raise UserError("no target is JSON, so that there is no schema to take from them", hint="Give the scorer a 'schema'.")
    return Config(json_schema=infer_schema(of_main_kind(values)))


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the answer's JSON fits, else 0 and what does not."""
    try:
        value = _answered(output)
    except NotJson as error:
        return Score(value=0.0, reason=str(error))
    fault = value_fault(value, _schema(config))
    return Score(value=0.0, reason=fault) if fault else Score(value=1.0)


def render(target: Any, config: Config) -> str:
    """The target as compact JSON, its keys in the schema's order."""
    try:
        value = strict_json(target) if isinstance(target, str) else target
    except NotJson:
        return as_text(target)
    return as_text(in_schema_order(value, _schema(config)))


def check(example: Example, config: Config) -> str | None:
    """A target may be missing, for only the form counts; one that is there must be JSON that fits."""
    if example.target is None:
        return None
    value = _target_value(example)
    if value is None:
        return f"the target is not JSON: {as_text(example.target)[:60]!r}"
    fault = value_fault(value, _schema(config))
    return f"the target does not fit the schema: {fault}" if fault else None


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """JSON of the schema."""
    return SchemaConstraint(schema=_schema(config))


def describe(examples: Sequence[Example], config: Config) -> str:
    """Shows the schema."""
    return f"Reply with JSON that fits this schema, and nothing else: {as_text(_schema(config))}"


def _schema(config: Config) -> Mapping[str, Any]:
    return config.json_schema if isinstance(config.json_schema, dict) else {}


def _answered(output: str) -> Any:
    try:
        return strict_json(unfenced(output))
    except NotJson:
        return find_json(output)


def _target_value(example: Example) -> Any:
    try:
        return strict_json(example.target) if isinstance(example.target, str) else example.target
    except NotJson:
        return None


def _read(file: Path) -> dict[str, Any]:
    try:
        schema = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the schema: {error}", where=str(file)) from None
    fault = schema_fault(schema) if isinstance(schema, dict) else "it is not an object"
    if fault:
        raise UserError(f"this is no JSON schema: {fault}", where=str(file))
    return dict(schema)
