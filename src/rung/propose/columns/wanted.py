"""What was said outright about a file, which no guess goes against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rung.data.read.layout import Layout
from rung.data.shapes.columns import Columns
from rung.data.shapes.question import columns_of, is_template
from rung.errors import UserError, did_you_mean
from rung.propose.columns.column import Column

MOST_LISTED = 40


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the options of `rung init` say, as they were typed; empty where it is left to the guess.

    input   a column, several with commas between, or a template with {column} in braces
    target  a column, or several with commas between
    scorer  how answers are compared
    layout  how the file's text becomes rows
    """

    input: str = ""
    target: str = ""
    scorer: str = ""
    layout: Layout | None = None


NOTHING_WANTED = Wanted()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What was wanted, found among the columns. `columns` holds the input as a task file writes it."""

    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    columns: Columns | None = None


def read_wanted(wanted: Wanted, columns: Mapping[str, Column], shown: str) -> Chosen:
    """The columns that were asked for. Raises UserError for one that there is not, and for one that is both question and answer."""
    targets = _named(wanted.target, columns, "--target", shown) if wanted.target else ()
    if not wanted.input:
        return Chosen(targets=targets)
    if wanted.input not in columns and is_template(wanted.input):
        inputs = columns_of(wanted.input)
        _check(inputs, columns, "--input", shown)
        written = Columns(input=wanted.input)
    else:
        inputs = _named(wanted.input, columns, "--input", shown)
        written = Columns(input=inputs[0] if len(inputs) == 1 else inputs)
    if shared := [name for name in inputs if name in targets]:
        raise UserError(f"'{shared[0]}' is both the question and the answer", where="--input", hint="Leave it out of one of them.")
    return Chosen(inputs=inputs, targets=targets, columns=written)


def listed(columns: Mapping[str, Column]) -> str:
    """The columns by name, the first of them where they are many."""
    names = list(columns)
    rest = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"{', '.join(names[:MOST_LISTED])}{rest}"


def _named(text: str, columns: Mapping[str, Column], option: str, shown: str) -> tuple[str, ...]:
    """A column's name, or names with commas between; a column that has a comma in its name is that column."""
    whole = _as_the_file_has_it(text, columns)
    parts = [part for part in text.split(",") if part.strip()]
    names = (whole,) if whole in columns else tuple(dict.fromkeys(_as_the_file_has_it(part, columns) for part in parts))
    if not names:
        raise UserError(f"{option} names no column", where=option, hint=f"Columns: {listed(columns)}.")
    _check(names, columns, option, shown)
    return names


def _as_the_file_has_it(name: str, columns: Mapping[str, Column]) -> str:
    """The one column of that name but for case and blanks around it, else the name as it was typed."""
    if name in columns:
        return name
    alike = [column for column in columns if column.strip().casefold() == name.strip().casefold()]
    return alike[0] if len(alike) == 1 else name.strip()


def _check(names: tuple[str, ...], columns: Mapping[str, Column], option: str, shown: str) -> None:
    for name in names:
        if name not in columns:
            near = did_you_mean(name, columns)
            hint = near if near.startswith("Known") else f"{near} Columns: {listed(columns)}."
            raise UserError(f"{shown} has no column '{name}'", where=option, hint=hint)
