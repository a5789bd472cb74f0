"""What pydantic found wrong, in words for the person who wrote the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from rung.errors import did_you_mean

Path = tuple[str | int, ...]
# pydantic's words, and ours for who writes YAML.
WORDS = {
    "Value error, ": "",
    "Input should": "it should",
    "a valid tuple": "a list, such as [a, b]",
    "a valid list": "a list, such as [a, b]",
    "a valid dictionary": "keys with values, such as {key: value}",
}

# What YAML 1.1 took for truths and 1.2 does not.
TRUTHS = {**dict.fromkeys(("yes", "on", "y", "true"), "true"), **dict.fromkeys(("no", "off", "n", "false"), "false")}


class Problem(NamedTuple):
    """Something wrong at one place of a nested value: `("data", "split")` is the key `split` of the key `data`."""

    path: Path
    text: str


def problems_of(error: ValidationError, model: type[BaseModel], also_known: tuple[str, ...] = ()) -> list[Problem]:
    """Every fault of a ValidationError as a Problem. `also_known` are further keys to suggest at the top level."""
    faults = error.errors(include_url=False)
    inner = [fault["loc"][:-1] for fault in faults if fault["loc"]]
    # A list whose only item is refused is then also too short: that second word is about what is no longer there.
    told = [fault for fault in faults if not (fault["type"] == "too_short" and fault["loc"] in inner)]
    return [_problem(fault, model, also_known) for fault in told]


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a model takes, as its user writes them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _problem(fault: Mapping[str, Any], model: type[BaseModel], also_known: tuple[str, ...]) -> Problem:
    path = tuple(fault["loc"])
    # An item of a list is told by the list's name: nobody wrote a key '0'.
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    kind = fault["type"]
    if kind == "extra_forbidden":
        known = keys_of(_model_at(model, path[:-1])) + (also_known if len(path) == 1 else ())
        return Problem(path, f"unknown key '{key}'. {did_you_mean(str(key), known)}")
    if kind == "missing":
        return Problem(path[:-1], f"the key '{key}' is missing")
    if kind == "literal_error":
        choices = fault["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return Problem(path, f"'{key}' cannot be {_shown(fault['input'])}. {did_you_mean(str(fault['input']), choices)}")
    if kind == "value_error":
        return Problem(path, str(fault["ctx"]["error"]))
    message = re.sub(r" or instance of \w+$", "", fault["msg"])
    for theirs, ours in WORDS.items():
        message = message.replace(theirs, ours)
    return Problem(path, f"'{key}' cannot be {_shown(fault['input'])}: {message}{_instead(fault['input'], kind)}")


def _instead(value: Any, kind: str) -> str:
    """For a number or a truth that was written as text: how it is written."""
    if kind.startswith("bool") and isinstance(value, str) and value.casefold() in TRUTHS:
        return f". Write {TRUTHS[value.casefold()]}: '{value}' is a text"
    number = re.fullmatch(r"\s*(\d[\d_]*(?:\.\d+)?)\s*(%?)\s*", value) if isinstance(value, str) else None
    if number is None:
        return ""
    instead = float(number[1].replace("_", "")) / (100 if number[2] else 1)
    return f". Write {instead:.15g}, without {'_' if '_' in number[1] else 'quotes'}{' or %' if number[2] else ''}"


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model that stands at a path, so that the suggestion comes from the right set of keys."""
    for part in path:
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        inner = next(_models_in(field.annotation), None) if field else None
        model = inner or model
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
