"""Rows whose fields do not say what they are: `data.columns` names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from rung.data.calls import as_calls, as_tools
from rung.data.read.rows import Row, RowError
from rung.data.shapes.conversation import as_messages, check_question
from rung.data.shapes.parts import Parts, as_target, refuse_answered, with_system
from rung.errors import UserError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column of a row is what; None where no column is named for it.

    calls  the calls that lead to the target
    gold   the documents that hold the answer
    """

    input: str | None = None
    target: str | None = None
    id: str | None = None
    group: str | None = None
    origin: str | None = None
    split: str | None = None
    system: str | None = None
    tools: str | None = None
    gold: str | None = None
    calls: str | None = None

    @classmethod
    def read(cls, named: Mapping[str, str]) -> Columns:
        """What a task file says. Raises UserError for a key that there is not, and for a question without an answer."""
        for key in named:
            if key not in COLUMN_KEYS:
                raise UserError(f"data.columns: unknown key '{key}'", where="data.columns", hint=did_you_mean(key, COLUMN_KEYS))
        if ("input" in named) != ("target" in named):
            raise UserError("data.columns needs both input and target", where="data.columns", hint="Or neither, where rows say so.")
        return cls(**named)

    def named(self) -> dict[str, str]:
        """The columns that are named, as a task file says them."""
        return {key: name for key in COLUMN_KEYS if (name := getattr(self, key)) is not None}


COLUMN_KEYS = tuple(field.name for field in fields(Columns))


def from_columns(row: Row, columns: Columns) -> Parts:
    """A row understood by columns of which input and target are named. Raises RowError."""
    asked, tools = as_messages(_field(row, columns.input)), as_tools(_optional(row, columns.tools))
    asked = with_system(asked, _optional(row, columns.system))
    refuse_answered(asked)
    # The calls that lead to the target, where the task brings the tools: not what is asked for, so no part of the target.
    calls = _optional(row, columns.calls)
    target = as_target(_field(row, columns.target), tools, str(columns.target))
    check_question(asked)
    return Parts(messages=asked, target=target, tools=tools, calls=None if calls in (None, "") else tuple(as_calls(calls, ())))


def _field(row: Row, name: str | None) -> object:
    if name is None or name not in row:
        raise RowError(f"no field '{name}'")
    return row[name]


def _optional(row: Row, name: str | None) -> object:
    return None if name is None else row.get(name)
