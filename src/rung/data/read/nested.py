"""Rows that stand deep in JSON: `data[].paragraphs[].qas[]` is a row for each question, what the levels above say copied into it.

data            the value under a key
data[]          each element of the list under it
{id}            each value of an object whose keys are no names but values: they become the column `id`
by column       an object of columns: {"text": [...], "label": [...]}, or {"columns": [...], "data": [[...], ...]}

In a file of many objects, one a line or in a list, the path begins within each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rung.data.read import files
from rung.data.read.containers.texts import split_of
from rung.data.read.formats import parse_json
from rung.data.read.rows import MAX_DOCUMENT_BYTES, RawRow, Row, RowError, Table
from rung.errors import UserError

BY_COLUMN = "by column"
KEY = "data.format.rows"
SPAN = {"text", "answer_start"}
_TOKEN = re.compile(r"""\.?"(?P<quoted>[^"]+)"|\.?\{(?P<entries>[^{}]+)\}|(?P<items>\[\])|\.?(?P<key>[^.\[\]{}"]+)""")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One level down: into a key, into each item of a list, into each entry of an object whose keys become the column `name`."""

    kind: Literal["key", "items", "entries"]
    name: str = ""


def steps_of(path: str) -> tuple[Step, ...]:
    """The levels that a path names. Raises UserError where it is none."""
    found, at = [], 0
    while at < len(path):
        token = _TOKEN.match(path, at)
        if token is None:
            hint = "Write it as data[].paragraphs[].qas[], or {id}.turns[] where keys are values."
            raise UserError(f"'{path}' is no path to rows", where=KEY, hint=hint)
        at = token.end()
        if token["items"]:
            found.append(Step(kind="items"))
        elif token["entries"]:
            found.append(Step(kind="entries", name=token["entries"]))
        else:
            found.append(Step(kind="key", name=token["quoted"] or token["key"]))
    return tuple(found)


def nested_table(path: Path, shown: str, encoding: str | None, rows: str) -> Table:
    """The rows of a JSON file at the path `rows`, each called by where it stands: `a.json#data[0].qas[2]`, `b.jsonl:7#turns[0]`.

    A line that is no JSON, or that has something else where the path leads, is a bad row.
    """
    places: list[str] = []
    steps = () if rows == BY_COLUMN else steps_of(rows)
    return Table(
        shown=shown,
        format="json",
        rows=_placed(_found(values(path, shown, encoding), steps, by_column=rows == BY_COLUMN), places),
        parse=_parse,
        places=places,
    )


def values(path: Path, shown: str, encoding: str | None) -> Iterator[tuple[str, Any]]:
    """Each object of a file and what it is called: of a list or of lines each one, else the whole. A bad line is a RowError."""
    head = files.head(path, shown).decode(encoding or "utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    if head.startswith("[") or head.split("\n", 1)[0].strip() == "{":
        try:
            whole = parse_json(files.whole_text(path, shown, encoding, MAX_DOCUMENT_BYTES).lstrip("\ufeff"))
        except RowError as error:
            raise UserError(str(error), where=shown, hint="Mend it, or save the rows as JSONL.") from None
        yield from (
            ((f"{shown}#[{at}]", item) for at, item in enumerate(whole)) if isinstance(whole, list) else [(f"{shown}#", whole)]
        )
        return
    for number, line in enumerate(files.lines(path, shown, encoding), start=1):
        if line.strip():
            try:
                yield f"{shown}:{number}#", parse_json(line)
            except RowError as error:
                yield f"{shown}:{number}", error


def _found(documents: Iterator[tuple[str, Any]], steps: Sequence[Step], *, by_column: bool) -> Iterator[tuple[str, Any]]:
    for place, value in documents:
        if isinstance(value, RowError):
            yield place, value
        elif by_column:
            yield from _by_column(value, place)
        else:
            # A list of objects is gone through in any case.
            own = steps[1:] if steps and steps[0].kind == "items" and not isinstance(value, list) else steps
            yield from explode(value, own, place, {})


def explode(
    value: Any, steps: Sequence[Step], place: str, outer: Mapping[str, Any], name: str = "text"
) -> Iterator[tuple[str, Any]]:
    """Place and row (or the RowError in its stead) of everything that the steps lead to. A level that lacks the key has no rows."""
    if not steps:
        yield place, _row(value, outer, name)
        return
    step, rest = steps[0], steps[1:]
    if step.kind == "items":
        if not isinstance(value, list):
            yield place, RowError(f"there is no list at {place.partition('#')[2] or 'the top'}")
            return
        for at, item in enumerate(value):
            yield from explode(item, rest, f"{place}[{at}]", outer, name)
    elif not isinstance(value, Mapping):
        yield place, RowError(f"there is no object at {place.partition('#')[2] or 'the top'}")
    elif step.kind == "entries":
        for key, item in value.items():
            told = split_of(key) or key if step.name == "split" else key
            yield from explode(item, rest, _below(place, key), {**outer, step.name: told}, name)
    elif step.name in value:
        above = {**outer, **{key: item for key, item in value.items() if key != step.name and not isinstance(item, list | dict)}}
        yield from explode(value[step.name], rest, _below(place, step.name), above, step.name)


def _below(place: str, key: str) -> str:
    dot = "" if place.endswith("#") else "."
    return f"{place}{dot}{key.replace('/', '|')}"


def _row(value: Any, outer: Mapping[str, Any], name: str) -> Row | RowError:
    if isinstance(value, Mapping):
        return {**outer, **{key: _told(item, value) for key, item in value.items()}}
    if isinstance(value, list):
        return {**outer, **{f"column_{number}": item for number, item in enumerate(value, start=1)}}
    return RowError("there is nothing where the row should stand") if value is None else {**outer, name: value}


def _told(item: Any, row: Mapping[str, Any]) -> Any:
    """An answer that is marked in a text, [{"text": "Ada", "answer_start": 17}], as its texts; nothing where it has none."""
    if item == [] and row.get("is_impossible") is True:
        return None
    marked = isinstance(item, list) and bool(item) and all(isinstance(part, Mapping) and set(part) == SPAN for part in item)
    return list(dict.fromkeys(part["text"] for part in item)) if marked else item


def _by_column(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        for at, cells in enumerate(value["data"]):
            same = isinstance(cells, list) and len(cells) == len(value["columns"])
            row = dict(zip(map(str, value["columns"]), cells, strict=True)) if same else RowError("not as many values as columns")
            yield f"{place}data[{at}]", row
        return
    columns = {name: column for name, column in value.items() if isinstance(column, list | dict)} if isinstance(value, dict) else {}
    lengths = {name: len(column) for name, column in columns.items()}
    if not columns or len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in lengths.items()) or "none"
        yield place, RowError(f"not columns of one length: {told}")
        return
    lists = {name: list(column.values()) if isinstance(column, dict) else column for name, column in columns.items()}
    for at in range(next(iter(lengths.values()))):
        yield f"{place}[{at}]", {name: column[at] for name, column in lists.items()}


def _placed(found: Iterator[tuple[str, Any]], places: list[str]) -> Iterator[RawRow]:
    for number, (place, row) in enumerate(found, start=1):
        places.append(place)
        yield RawRow(number, row)


def _parse(content: Any) -> Row:
    if isinstance(content, RowError):
        raise content
    row: Row = content
    return row
