"""`data.names`: the words for what the targets' values are, used by prompts, classes, answers and reports in their stead.

{0: negative, 1: positive}                  of a target, and of each item of a list of labels or mark of several columns
{tone: {0: calm, 1: angry}}                 of the fields of an object
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.data.read.where import as_text, same
from rung.data.shapes.cells import is_empty
from rung.errors import UserError
from rung.types import Example

KEY = "data.names"
SHOWN_VALUES = 20


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
        folded = " ".join(name.split()).casefold()
        if folded in known:
            problem = f"{KEY}: {known[folded]} and {value}{of} have one name, '{name}'"
            raise UserError(
                problem, where=KEY, hint="Two values that are to be one class: mend the file, or leave one out by data.where."
            )
        known[folded] = value
    if twice := _alike([value for value, name in names.items() if isinstance(name, str)]):
        raise UserError(f"{KEY}: '{twice[0]}' and '{twice[1]}' are one value{of}", where=KEY, hint="Name it once.")


def with_names(examples: Sequence[Example], names: Mapping[str, Any]) -> tuple[Example, ...]:
    """The examples, their targets' values under their names. Raises UserError that lists the values without a name."""
    if not names:
        return tuple(examples)
    check_names(names)
    unnamed: dict[str, Example] = {}
    done = [replace(row, target=_named(row.target, names, row, unnamed)) for row in examples]
    if unnamed:
        first = next(iter(unnamed.values()))
        shown = ", ".join(f"'{value}'" for value in list(unnamed)[:SHOWN_VALUES])
        rest = f" and {len(unnamed) - SHOWN_VALUES:,} more" if len(unnamed) > SHOWN_VALUES else ""
        known = ", ".join(f"'{value}'" for value in list(names)[:SHOWN_VALUES])
        problem = f"{KEY} has no name for {shown}{rest} (first at {first.source or first.id})"
        raise UserError(problem, where=KEY, hint=f"Name every value that the target has; named are {known}.")
    return tuple(done)


def _named(target: Any, names: Mapping[str, Any], row: Example, unnamed: dict[str, Example]) -> Any:
    if isinstance(target, list):
        return [_named(item, names, row, unnamed) for item in target]
    if isinstance(target, Mapping):
        return {key: _field(key, part, names, row, unnamed) for key, part in target.items()}
    if is_empty(target):
        return target
    name = next((name for value, name in names.items() if isinstance(name, str) and same(value, target)), None)
    if name is None:
        unnamed.setdefault(as_text(target), row)
    return target if name is None else name


def _field(key: str, part: Any, names: Mapping[str, Any], row: Example, unnamed: dict[str, Example]) -> Any:
    of = names.get(key)
    return _named(part, of, row, unnamed) if isinstance(of, Mapping) else part


def _alike(values: Sequence[str]) -> tuple[str, str] | None:
    pairs = ((left, right) for at, left in enumerate(values) for right in values[at + 1 :])
    return next((pair for pair in pairs if same(*pair)), None)
