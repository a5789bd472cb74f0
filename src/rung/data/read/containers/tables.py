"""Tables of a database as rows: which there are, and what they hold. Nothing is ever written to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rung.data.inferred import Inference
from rung.data.read.containers.located import Ask, Located, written
from rung.data.read.formats import plain
from rung.data.read.rows import RowError
from rung.errors import UserError, did_you_mean

MOST_NAMED = 20


def chosen(tables: Sequence[str], ask: Ask, noun: str) -> str:
    """The table that is named. Raises UserError, with the tables' names, where none is, or there is no such."""
    if not tables:
        raise UserError(f"the {noun} has no tables", where=ask.shown, hint="Give one with a table of rows.")
    if ask.part in tables:
        return ask.part
    same = [table for table in tables if table.casefold() == ask.part.casefold()]
    if len(same) == 1:
        return same[0]
    if ask.part:
        raise UserError(f"the {noun} has no table '{ask.part}'", where=ask.shown, hint=did_you_mean(ask.part, tables))
    told = ", ".join(ask.inside(table) for table in tables[:MOST_NAMED])
    rest = f" and {len(tables) - MOST_NAMED} more" if len(tables) > MOST_NAMED else ""
    raise UserError(f"an {noun} is no file of rows by itself", where=ask.shown, hint=f"Name one of its tables: {told}{rest}.")


def located(rows: Iterator[dict[str, Any]], table: str, ask: Ask, kind: str) -> Located:
    """A table's rows as a file. Columns of bytes take no part."""
    left_out: dict[str, None] = {}
    path = written(plain_rows(rows, left_out), ask.inside(table))
    return Located(path=path, shown=ask.inside(table), format=kind, settled=True, inferences=without(left_out))


def without(left_out: Iterable[str]) -> tuple[Inference, ...]:
    """What is told of columns that take no part."""
    return tuple(Inference(about="columns", taken=f"'{name}' is left out", because="it holds bytes") for name in left_out)


def plain_rows(rows: Iterator[dict[str, Any]], left_out: dict[str, None]) -> Iterator[dict[str, Any]]:
    """Rows as JSON has them. Columns of bytes take no part, and are added to `left_out`."""
    for row in rows:
        made = {}
        for name, value in row.items():
            if isinstance(value, bytes | bytearray | memoryview):
                left_out[name] = None
                continue
            try:
                made[name] = plain(value)
            except RowError:
                made[name] = None  # a number that is none, which JSON cannot say
        yield made
