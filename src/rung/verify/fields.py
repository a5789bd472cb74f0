"""One field of a JSON object: how it is compared, what its column of targets shows of that, and what is wrong with a value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from rung.json_form import canonical_json
from rung.verify.column import leading_zeros, read_column, says_nothing
from rung.verify.dates import ODD_SHARE, read_date, same_date
from rung.verify.lists import MOST_ITEMS, Match, pairs_up
from rung.verify.numbers import Mark, NumberForm, number_fault, read_number
from rung.verify.parse import as_text

FieldKind = Literal["exact", "fuzzy", "number", "date", "datetime", "object", "list"]
_SETTINGS_OF = {
    "exact": {"ignore_case"},
    "fuzzy": {"ignore_case", "threshold"},
    "number": {"absolute", "relative", "decimal", "percent", "needs_unit"},
    "datetime": {"day_first"},
    "date": {"day_first"},
    "object": {"fields"},
    "list": {"items", "match"},
}


class FieldConfig(BaseModel, extra="forbid", frozen=True):
    """How one field is compared, and what it weighs. `threshold`: the least similarity (rapidfuzz ratio) that is right.

    `day_first`, `decimal`, `percent`, `needs_unit`, `fields` (of an object) and `items` (of a list) are taken from the targets
    where they are left out. An object is right where all in it is. `match`: a list is right where all its items are and no others,
    `in_order` or in any order (`all`); or its items are alternatives, of which `any` is right.
    """

    kind: FieldKind = "exact"
    weight: float = Field(default=1.0, gt=0)
    ignore_case: bool = False
    threshold: float = Field(default=0.9, gt=0, le=1)
    absolute: float = Field(default=0.0, ge=0)
    relative: float | None = Field(default=None, ge=0, lt=1)
    decimal: Mark | None = None
    percent: Literal["points", "fraction"] | None = None
    needs_unit: bool | None = None
    day_first: bool | None = None
    fields: dict[str, FieldConfig] | None = None
    items: FieldConfig | None = None
    match: Match = "in_order"

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

    @property
    def form(self) -> NumberForm:
        """How a column of numbers is written."""
        return NumberForm(decimal=self.decimal or ".", percent=self.percent, needs_unit=bool(self.needs_unit))


class InDoubt(ValueError):
    """The column of a field can be read in two ways. `setting` would say which."""

    def __init__(self, name: str, reason: str, kind: str, setting: str) -> None:
        super().__init__(f"the field '{name}' can be read in two ways: {reason}")
        self.name, self.kind, self.setting = name, kind, setting


def kind_of_field(values: Sequence[Any]) -> FieldKind:
    """The kind that all but a few values of a column have; `exact` where they have none of their own."""
    present = [value for value in values if not says_nothing(value)]
    shapes: tuple[tuple[Any, FieldKind], ...] = ((Mapping, "object"), (list, "list"))
    for shape, kind in shapes:
        if present and sum(isinstance(value, shape) for value in present) >= (1 - ODD_SHARE) * len(present):
            return kind
    column = read_column([value for value in present if not isinstance(value, Mapping | list)])
    return column.kind if column.kind in ("number", "date") else "exact"


def settled(name: str, field: FieldConfig | None, values: Sequence[Any]) -> FieldConfig:
    """The field with everything that its settings left open taken from its column. Raises InDoubt."""
    present = [value for value in values if not says_nothing(value)]
    if field is None:
        field = FieldConfig(kind=kind_of_field(present))
    if field.kind == "object":
        parts = [value for value in present if isinstance(value, Mapping)]
        return field.model_copy(update={"fields": settled_fields(field.fields, parts, f"{name}.")})
    if field.kind == "list":
        items = [item for value in present if isinstance(value, list) for item in value]
        return field.model_copy(update={"items": settled(f"{name}[]", field.items, items)})
    if field.kind not in ("number", "date", "datetime"):
        return field
    column = read_column(present)
    dated = field.kind in ("date", "datetime")
    open_date, open_number = dated and field.day_first is None, field.kind == "number" and field.decimal is None
    if column.doubt and column.kind == ("date" if dated else field.kind) and (open_date or open_number):
        raise InDoubt(name, column.doubt, field.kind, "day_first: true (or false)" if open_date else "decimal: '.' (or ',')")
    if dated:
        return field.model_copy(update={"day_first": column.day_first}) if open_date else field
    shown = {part: getattr(column.form, part) for part in ("decimal", "percent", "needs_unit")}
    return field.model_copy(update={part: value for part, value in shown.items() if getattr(field, part) is None})


def settled_fields(
    fields: Mapping[str, FieldConfig] | None, objects: Sequence[Mapping[str, Any]], prefix: str = ""
) -> dict[str, FieldConfig]:
    """Every field of some objects, settled by its column; those that are named where any are. Raises InDoubt."""
    names = dict.fromkeys(fields or (name for value in objects for name in value))
    return {
        name: settled(prefix + name, (fields or {}).get(name), [value[name] for value in objects if name in value])
        for name in names
    }


def field_fault(value: Any, target: Any, field: FieldConfig) -> str:
    """What is wrong with an answer's value, in words; "" where it is right. Null, missing and blank text say the same: nothing."""
    if says_nothing(value) or says_nothing(target):
        return "" if says_nothing(value) and says_nothing(target) else _differs(value, target)
    fault = _COMPARED[field.kind](value, target, field)
    return fault if isinstance(fault, str) else "" if fault else _differs(value, target)


def target_fault(value: Any, field: FieldConfig) -> str:
    """Why no answer could match a target's value: it is not of the field's kind; "" where one could."""
    if says_nothing(value):
        return ""
    if field.kind == "number" and leading_zeros(value):
        return f"begins with a zero, as identifiers do and quantities do not: {short(value)}"
    if field.kind == "object" and isinstance(value, Mapping):
        inner = ((name, target_fault(value.get(name), part)) for name, part in (field.fields or {}).items())
        return next((f"'{name}' {fault}" for name, fault in inner if fault), "")
    return f"is not a {field.kind}: {short(value)}" if field_fault(value, value, field) else ""


def short(value: Any) -> str:
    """A value in a reason: at most 60 characters that every store takes."""
    text = "missing" if value is None else as_text(value).encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= 60 else text[:57] + "..."


def _differs(value: Any, target: Any) -> str:
    return f"is {short(value)}, expected {short(target)}"


def _numbers(value: Any, target: Any, field: FieldConfig) -> bool | str:
    number, goal = read_number(value, field.form, strict=False), read_number(target, field.form)
    if number is None or goal is None:
        return False
    return number_fault(number, goal, field.form, absolute=field.absolute, relative=field.relative)


def _moments(value: Any, target: Any, field: FieldConfig) -> bool | str:
    """As a date, and a time of day that the target says must be said, midnight too."""
    moment, goal = read_date(value, day_first=field.day_first), read_date(target, day_first=field.day_first)
    return bool(moment and goal and same_date(moment, goal) and (goal.time is None or moment.time is not None))


def _dates(value: Any, target: Any, field: FieldConfig) -> bool | str:
    moment, goal = read_date(value, day_first=field.day_first), read_date(target, day_first=field.day_first)
    return bool(moment and goal and same_date(moment, goal))


def _alike(value: Any, target: Any, field: FieldConfig) -> bool | str:
    from rapidfuzz.fuzz import ratio

    return ratio(_normal(value, field), _normal(target, field)) / 100 >= field.threshold


def _equal(value: Any, target: Any, field: FieldConfig) -> bool | str:
    return _normal(value, field) == _normal(target, field)


def _objects(value: Any, target: Any, field: FieldConfig) -> bool | str:
    if not (isinstance(value, Mapping) and isinstance(target, Mapping)):
        return False
    parts = field.fields or {}
    names = dict.fromkeys((*parts, *target, *value))
    faults = ((name, field_fault(value.get(name), target.get(name), parts.get(name, FieldConfig()))) for name in names)
    return next((f"has the field '{name}', which {fault}" for name, fault in faults if fault), "")


def _lists(value: Any, target: Any, field: FieldConfig) -> bool | str:
    item = field.items or FieldConfig()
    if field.match == "any" and isinstance(target, list):
        said = value if isinstance(value, list) else [value]
        return bool(said) and all(any(not field_fault(one, other, item) for other in target) for one in said)
    if not (isinstance(value, list) and isinstance(target, list)) or len(value) != len(target):
        return False
    if field.match == "in_order" or len(target) > MOST_ITEMS:
        return not any(field_fault(one, other, item) for one, other in zip(value, target, strict=True))
    return pairs_up([[place for place, one in enumerate(value) if not field_fault(one, other, item)] for other in target])


_COMPARED = {
    "number": _numbers,
    "date": _dates,
    "datetime": _moments,
    "fuzzy": _alike,
    "exact": _equal,
    "object": _objects,
    "list": _lists,
}


def _normal(value: Any, field: FieldConfig) -> str:
    """Texts without white space around them, other values as canonical JSON with `1.0` as `1`; `True` in quotes is true."""
    text = value.strip() if isinstance(value, str) else canonical_json(_without_points(value))
    text = text.lower() if text in ("True", "False") else text
    return text.casefold() if field.ignore_case else text


def _without_points(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _without_points(part) for key, part in value.items()}
    return [_without_points(part) for part in value] if isinstance(value, list) else value
