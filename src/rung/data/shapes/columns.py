"""Rows whose fields do not say what they are: `data.columns` names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from rung.data.calls import as_calls, as_tools
from rung.data.read.rows import ReadRow, Row, RowError
from rung.data.shapes.answer import Marks, answer_of, marks_of
from rung.data.shapes.conversation import as_messages, check_question
from rung.data.shapes.letters import LETTERS, Letters, letters_of
from rung.data.shapes.parts import Parts, as_target, refuse_answered, with_system
from rung.data.shapes.question import Question, columns_of, is_template, rendered
from rung.errors import UserError, did_you_mean

Answer = str | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column of a row is what; None where no column is named for it.

    input   one column; several, each under its name; shown name -> column; or a template (`rung.data.shapes.question`)
    target  one column, or several: marks or fields of one answer (`rung.data.shapes.answer`)
    calls   the calls that lead to the target
    gold    the documents that hold the answer
    """

    input: Question | None = None
    target: Answer | None = None
    id: str | None = None
    group: str | None = None
    origin: str | None = None
    split: str | None = None
    system: str | None = None
    tools: str | None = None
    gold: str | None = None
    calls: str | None = None

    @classmethod
    def read(cls, named: Mapping[str, Any]) -> Columns:
        """What a task file says. Raises UserError for a key that there is not, what names no column, a question without an answer,
        and a question that would show its answer."""
        for key in named:
            if key not in COLUMN_KEYS:
                raise UserError(f"data.columns: unknown key '{key}'", where="data.columns", hint=did_you_mean(key, COLUMN_KEYS))
        if ("input" in named) != ("target" in named):
            raise UserError("data.columns needs both input and target", where="data.columns", hint="Or neither, where rows say so.")
        read: dict[str, Any] = {key: _names(key, value) for key, value in named.items()}
        columns = cls(**read)
        shown = [name for name in columns.targets() if name in columns.inputs()]
        if shown and columns.inputs() != columns.targets():
            problem = f"data.columns: '{shown[0]}' is both in the input and the target, so that the question shows its answer"
            raise UserError(problem, where="data.columns.input", hint="Leave it out of one of them.")
        return columns

    def inputs(self) -> tuple[str, ...]:
        """The columns that the question is made of."""
        return () if self.input is None else columns_of(self.input)

    def targets(self) -> tuple[str, ...]:
        """The columns that the answer is made of."""
        return () if self.target is None else (self.target,) if isinstance(self.target, str) else self.target

    def named(self) -> dict[str, Any]:
        """The columns that are named, as a task file says them."""
        return {key: _written(value) for key in COLUMN_KEYS if (value := getattr(self, key)) is not None}

    def places(self) -> list[tuple[str, str]]:
        """Each column that is named, with the key that names it."""
        single = [(key, name) for key in COLUMN_KEYS if key not in _SEVERAL and (name := getattr(self, key)) is not None]
        return [*[("input", name) for name in self.inputs()], *[("target", name) for name in self.targets()], *single]


COLUMN_KEYS = tuple(field.name for field in fields(Columns))
_SEVERAL = ("input", "target")
_FORMS = {
    "input": "Give a column, a list of columns, a mapping such as {Question: q, A: first}, or a template such as '{q} {passage}'.",
    "target": "Give a column, or a list of columns.",
}


def from_columns(row: Row, columns: Columns, way: Marks | Letters | None = None) -> Parts:
    """A row understood by columns of which input and target are named. Raises RowError.

    way  how the file's target columns are marked, or its target names an option
    """
    tools = as_tools(_optional(row, columns.tools))
    lettered = isinstance(way, Letters)
    asked = with_system(_asked(row, columns.input, lettered), _optional(row, columns.system))
    refuse_answered(asked)
    # The calls that lead to the target, where the task brings the tools: not what is asked for, so no part of the target.
    calls = _optional(row, columns.calls)
    target = _target(row, columns, way, tools)
    check_question(asked)
    return Parts(messages=asked, target=target, tools=tools, calls=None if calls in (None, "") else tuple(as_calls(calls, ())))


def way_of(rows: Sequence[ReadRow], columns: Columns, names: Any) -> Marks | Letters | None:
    """How the file's targets are to be read, which only all of them show. `names` are `data.names`. Raises UserError."""
    if names == LETTERS:
        if not isinstance(columns.target, str) or columns.input is None:
            raise UserError(
                "data.names: letters is for one target column", where="data.names", hint="Name the values: {0: A, 1: B}."
            )
        return letters_of(rows, columns.input, columns.target)
    return marks_of(rows, columns.targets())


def _asked(row: Row, question: Question | None, lettered: bool) -> list[dict[str, Any]]:
    if question is None or (isinstance(question, str) and not is_template(question)):
        return as_messages(_field(row, question))
    return [{"role": "user", "content": rendered(row, question, lettered=lettered)}]


def _target(row: Row, columns: Columns, way: Marks | Letters | None, tools: tuple[dict[str, Any], ...]) -> Any:
    target = columns.target
    if target is not None and not isinstance(target, str):
        return answer_of(row, target, way if isinstance(way, Marks) else None)
    said = as_target(_field(row, target), tools, str(target))
    return way.of(row, columns.input or "", str(target)) if isinstance(way, Letters) else said


def _field(row: Row, name: str | None) -> object:
    if name is None or name not in row:
        raise RowError(f"no field '{name}'")
    return row[name]


def _optional(row: Row, name: str | None) -> object:
    return None if name is None else row.get(name)


def _names(key: str, value: Any) -> Any:
    """What stands under a key of `columns`, checked: a list of one is that one, unless it would then be read as a template."""
    where = f"data.columns.{key}"
    several = isinstance(value, list | tuple) or (isinstance(value, Mapping) and key == "input")
    parts = list(value.values() if isinstance(value, Mapping) else value) if several else [value]
    if (several and key not in _SEVERAL) or not parts or not all(isinstance(part, str) and part.strip() for part in parts):
        hint = _FORMS.get(key, "Give a column's name.")
        raise UserError(f"data.columns.{key} cannot be {value!r}", where=where, hint=hint)
    if twice := next((name for name, count in Counter(parts).items() if count > 1), None):
        raise UserError(f"data.columns.{key} names '{twice}' twice", where=where, hint="Name each column once.")
    if isinstance(value, Mapping):
        return dict(value)
    if several:
        return parts[0] if len(parts) == 1 and not (key == "input" and is_template(parts[0])) else tuple(parts)
    if key == "input":
        _check_template(value)
    return value


def _check_template(text: str) -> None:
    if is_template(text) and not columns_of(text):
        hint = "Columns stand in braces: '{question}'. A column that has braces in its own name is written as a list: ['{x}']."
        raise UserError(f"the template {text!r} names no column", where="data.columns.input", hint=hint)


def _written(value: Question | Sequence[str]) -> Any:
    """A value as a task file has it."""
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
