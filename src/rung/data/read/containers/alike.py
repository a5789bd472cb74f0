"""Several files with the same columns, read as one: a split a file, parts of one table, or a row a file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from rung.data.inferred import Inference
from rung.data.read.containers.located import Ask, Located, written
from rung.data.read.containers.members import Members, unpacked
from rung.data.read.containers.texts import split_of
from rung.data.read.rows import RowError, Table
from rung.errors import UserError

ROWS_SEEN = 20


def alike(members: Members, names: Sequence[str], ask: Ask) -> Located | None:
    """All rows of the files, with the split that their names tell; None where they are not alike."""
    splits = {
        name: next((found for part in reversed(PurePosixPath(name).parts) if (found := split_of(part))), "") for name in names
    }
    numbered = len({re.sub(r"\d+", "0", name) for name in names}) == 1
    told = all(splits.values()) and len(set(splits.values())) > 1
    if not told and not numbered and not _may_be_rows(names):
        return None
    tables = {name: _table(members, name, ask) for name in names}
    if any(table is None for table in tables.values()):
        return None
    firsts = [_columns(members, name, ask) for name in names[: ROWS_SEEN if len(names) > ROWS_SEEN else None]]
    one_each = all(count == 1 for _, count in firsts)
    if not one_each and (len({columns for columns, _ in firsts}) > 1 or not (told or numbered)):
        return None
    places: list[str] = []
    path = written(_rows([(name, table) for name, table in tables.items() if table], splits if told else {}, places), ask.shown)
    return Located(path=path, shown=ask.shown, format="files", settled=True, places=places, inferences=_said(names, splits, told))


def _split(name: str) -> str:
    """As its own name tells, or the nearest folder's that does."""
    return next((found for part in reversed(PurePosixPath(name).parts) if (found := split_of(part))), "")


def _may_be_rows(names: Sequence[str]) -> bool:
    """Whether each file may be one row."""
    return len(names) >= ROWS_SEEN and all(name.lower().endswith(".json") for name in names)


def _table(members: Members, name: str, ask: Ask) -> Table | None:
    shown = f"{ask.shown}/{name}" if members.noun == "folder" else ask.inside(name)
    try:
        return ask.open(unpacked(members, name), shown)
    except UserError:
        return None


def _columns(members: Members, name: str, ask: Ask) -> tuple[tuple[str, ...], int]:
    """The columns that a file's first rows have, and how many of these rows there are."""
    table, found, count = _table(members, name, ask), dict[str, None](), 0
    for raw in itertools.islice(table.rows if table else iter(()), ROWS_SEEN):
        count += 1
        try:
            found.update(dict.fromkeys(table.parse(raw.content) if table else ()))
        except RowError:
            continue
    return tuple(sorted(found)), count


def _rows(tables: Sequence[tuple[str, Table]], splits: dict[str, str], places: list[str]) -> Iterator[dict[str, Any]]:
    for name, table in tables:
        for raw in table.rows:
            place = f"{table.shown}:{raw.line}" if table.places is None else table.places[raw.line - 1]
            try:
                row = dict(table.parse(raw.content))
            except RowError as error:
                row, place = {}, f"{place} ({error})"
            places.append(place)
            yield {"split": splits[name], **row} if splits and row else row


def _said(names: Sequence[str], splits: dict[str, str], told: bool) -> tuple[Inference, ...]:
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    if told:
        because = f"they have the same columns and are called so: {listed}"
        return (
            Inference(about="split", taken=f"{len(names)} files as one, each file's name the split of its rows", because=because),
        )
    return (Inference(about="files", taken=f"{len(names):,} files as one", because=f"they have the same columns: {listed}"),)
