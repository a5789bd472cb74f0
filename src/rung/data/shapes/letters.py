"""`data.names: letters`: the target names one of the row's options, by its mark, its text or its place, and becomes its letter.

Which of the three is settled over the whole file: what is right of nearly all rows. A place counts from 0 or from 1. Options in
lists are then listed as A), B), ... whatever their own marks are; those in columns keep the names that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rung.data.read.rows import ReadRow, Row, RowError
from rung.data.read.where import as_text, number
from rung.data.shapes.cells import Option, is_empty, options_in
from rung.data.shapes.question import Question, columns_of, named_columns, option_names
from rung.errors import UserError

LETTERS = "letters"
FEWEST_RIGHT = 0.9  # of the rows, whose target names an option in the way that is taken
_KEY = "data.names"


@dataclass(frozen=True, kw_only=True)
class Letters:
    """How the target names an option: `way` is a key of WAYS."""

    way: str

    def of(self, row: Row, question: Question, target: str) -> str:
        """The letter of the option that a row's target names. Raises RowError where it names none, or two."""
        options = options_of(row, question)
        found = _letter(options, row, target, self.way)
        if found is None:
            told = ", ".join(f"{letter}) {option.text}" for letter, option in options) or "none"
            raise RowError(f"the target ({target}) is {as_text(row.get(target))!r}, the {self.way} of no one option: {told}")
        return found


def letters_of(rows: Sequence[ReadRow], question: Question, target: str) -> Letters:
    """How a file's targets name their options. Raises UserError where they name none, or could be read in two ways."""
    asked = [(row, options_of(row, question)) for _, row in rows if not is_empty(row.get(target))]
    found = {way: [_letter(options, row, target, way) for row, options in asked] for way in WAYS}
    right = {way: sum(letter is not None for letter in letters) for way, letters in found.items()}
    way = max(WAYS, key=lambda way: right[way])
    if not asked or right[way] < FEWEST_RIGHT * len(asked):
        problem = f"{_KEY}: letters: in {len(asked) - right[way]:,} of {len(asked):,} rows '{target}' names none of the options"
        hint = (
            "Options are columns called A, B, C or 1, 2, 3, or a column that lists them; the target is one's text, mark or place."
        )
        raise UserError(problem, where=_KEY, hint=hint)
    # Marks of an option's own are there to be named; texts that are numbers, and places without a 0, may mean two things.
    others = [other for other in WAYS if right[other] == right[way] and found[other] != found[way]] if way != "mark" else []
    if others:
        problem = f"{_KEY}: letters: '{target}' can be read as an option's {way} and as its {others[0]}"
        raise UserError(problem, where=_KEY, hint="Say what each value stands for: names: {0: A, 1: B, ...}.")
    return Letters(way=way)


def options_of(row: Row, question: Question) -> list[tuple[str, Option]]:
    """A row's options as they are shown: the letter, and the option with its own mark."""
    if not isinstance(question, str):
        named = named_columns(question)
        letters = option_names(tuple(named))
        single = [
            (name, Option(name, as_text(row[column]))) for name, column in named.items() if name in letters and row.get(column)
        ]
        if single:
            return single
    named = {column: column for column in columns_of(question)} if isinstance(question, str) else named_columns(question)
    for name, column in named.items():
        if own := options_in(row.get(column), name):
            shown = options_in(row.get(column), name, lettered=True)
            return [(option.label, mine) for option, mine in zip(shown, own, strict=True)]
    return []


def _letter(options: Sequence[tuple[str, Option]], row: Row, target: str, way: str) -> str | None:
    found = [options[at][0] for at in WAYS[way](as_text(row.get(target)), [option for _, option in options])]
    return found[0] if len(found) == 1 else None


def _by_mark(said: str, options: Sequence[Option]) -> list[int]:
    return [at for at, option in enumerate(options) if option.label.casefold() == said.casefold().strip(".() ")]


def _by_text(said: str, options: Sequence[Option]) -> list[int]:
    return [at for at, option in enumerate(options) if _bare(option.text) == _bare(said)]


def _by_place(first: int) -> Callable[[str, Sequence[Option]], list[int]]:
    def places(said: str, options: Sequence[Option]) -> list[int]:
        value = number(said)
        return [at for at in range(len(options)) if value is not None and value == at + first]

    return places


def _bare(text: Any) -> str:
    return " ".join(str(text).casefold().split()).rstrip(".")


WAYS: dict[str, Callable[[str, Sequence[Option]], list[int]]] = {
    "mark": _by_mark,
    "text": _by_text,
    "place from 0": _by_place(0),
    "place from 1": _by_place(1),
}
