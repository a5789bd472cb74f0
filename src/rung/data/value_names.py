"""`data.names`: the words for what the targets' values are, used by prompts, classes, answers and reports in their stead.

{0: negative, 1: positive}                  of a target, of each label in a list or between marks (`3,10`), of marked columns
{tone: {0: calm, 1: angry}}                 of the fields of an object
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.data.read.where import as_text, same
from rung.data.shapes.cells import is_empty
from rung.data.split import normalise
from rung.errors import UserError
from rung.types import Example

KEY = "data.names"
SHOWN_VALUES = 20
MARKS = (";", "|", "\n", ",", "/", " ")


def check_names(names: Mapping[str, Any], within: str = "") -> None:
    """Raises UserError for a name that is no text, and for two values of one name, or two ways to write one value."""
    of = f" of {within}" if within else ""
    known: dict[str, str] = {}
    for value, name in names.items():
        if isinstance(name, Mapping) and not within:
            check_names(name, value)
            continue
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{KEY}: the name of {value}{of} cannot be {name!r}", where=KEY, hint="Give a word for each value.")
        folded = normalise(name)
        if folded in known:
            problem = f"{KEY}: {known[folded]} and {value}{of} have one name, '{name}'"
            raise UserError(
                problem, where=KEY, hint="Two values that are to be one class: mend the file, or leave one out by data.where."
            )
        known[folded] = value
    if twice := _alike([value for value, name in names.items() if isinstance(name, str)]):
        raise UserError(f"{KEY}: '{twice[0]}' and '{twice[1]}' are one value{of}", where=KEY, hint="Name it once.")


def with_names(examples: Sequence[Example], names: Mapping[str, Any] | str) -> tuple[Example, ...]:
    """The examples, their targets' values under their names. Raises UserError that lists the values without a name."""
    if not names or isinstance(names, str):  # a word says how a target is read, which is done by then
        return tuple(examples)
    check_names(names)
    known = _Names(names)
    found = [known.parts(row.target) for row in examples]
    # Where some targets are several labels with a mark between them, all are lists of labels.
    several = any(isinstance(row.target, str) and isinstance(parts, list) for row, parts in zip(examples, found, strict=True))
    targets = [[parts] if several and isinstance(parts, str) else parts for parts in found]
    done = tuple(replace(row, target=known.named(target, row)) for row, target in zip(examples, targets, strict=True))
    if known.unnamed:
        first, values = next(iter(known.unnamed.values())), list(known.unnamed)
        told = f"{_listed(values)} (first at {first.source or first.id})"
        hint = f"Name every value that the target has; named are {_listed(known.values)}."
        raise UserError(f"{KEY} has no name for {told}", where=KEY, hint=hint)
    return done


class _Names:
    """The names, each value looked up once, and the values that were met and have none."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.values = [value for value, name in names.items() if isinstance(name, str)]
        self.names = names
        self.within = {key: _Names(inner) for key, inner in names.items() if isinstance(inner, Mapping)}
        self.seen: dict[tuple[type, Any], str | None] = {}
        self.unnamed: dict[str, Example] = {}

    def of(self, value: Any) -> str | None:
        """The name of one value."""
        key = (type(value), value)
        if key not in self.seen:
            self.seen[key] = next((self.names[known] for known in self.values if same(_composed(known), _composed(value))), None)
        return self.seen[key]

    def parts(self, target: Any) -> Any:
        """The target, or the values in its text where it is none itself and all of them have names."""
        if not isinstance(target, str) or self.of(target) is not None:
            return target
        split = ([part.strip() for part in target.split(mark) if part.strip()] for mark in MARKS)
        return next((parts for parts in split if len(parts) > 1 and all(map(self.of, parts))), target)

    def named(self, target: Any, row: Example) -> Any:
        """The target under its names."""
        if isinstance(target, list):
            return [self.named(item, row) for item in target]
        if isinstance(target, Mapping):
            return {key: self._field(key, part, row) for key, part in target.items()}
        if is_empty(target):
            return target
        name = self.of(target)
        if name is None:
            self.unnamed.setdefault(as_text(target), row)
        return target if name is None else name

    def _field(self, key: str, part: Any, row: Example) -> Any:
        if key not in self.within:
            return part
        named = self.within[key].named(part, row)
        for value, at in self.within[key].unnamed.items():
            self.unnamed.setdefault(f"{key}: {value}", at)
        return named


def _composed(value: Any) -> Any:
    """A text in the one form of Unicode that letters and their accents have together (NFC)."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _listed(values: Sequence[str]) -> str:
    rest = f" and {len(values) - SHOWN_VALUES:,} more" if len(values) > SHOWN_VALUES else ""
    return ", ".join(f"'{value}'" for value in values[:SHOWN_VALUES]) + rest


def _alike(values: Sequence[str]) -> tuple[str, str] | None:
    pairs = ((left, right) for at, left in enumerate(values) for right in values[at + 1 :])
    return next((pair for pair in pairs if same(*pair)), None)
