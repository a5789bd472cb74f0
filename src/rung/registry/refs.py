"""What a person writes for a version: `tone` (its newest), `tone@3`, `tone@champion`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from rung.registry import tables

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
WORD_FOR_A_VERSION = re.compile(r"[vV][0-9]{1,18}")
# As many digits as the database has room for.
_NUMBER = re.compile(r"[0-9]{1,18}")


def row_of(connection: Connection, ref: str) -> Any:
    """The row of `names` that a name, `name@version` or `name@alias` refers to; None where there is none."""
    name, at, which = ref.partition("@")
    columns = tables.names.c
    wanted: Select[Any] = select(tables.names).where(columns.name == name).order_by(columns.version.desc()).limit(1)
    if at:
        version = int(which) if _NUMBER.fullmatch(which) else _stands_at(connection, name, which)
        if version is None:
            return None
        wanted = wanted.where(columns.version == version)
    return connection.execute(wanted).first()


def _stands_at(connection: Connection, name: str, alias: str) -> int | None:
    columns = tables.alias_moves.c
    wanted = select(columns.version).where(columns.name == name, columns.alias == alias)
    version: int | None = connection.execute(wanted.order_by(columns.generation.desc()).limit(1)).scalar()
    return version


def versions_in_words(known: Sequence[int]) -> str:
    """`is version 1`, `are the versions 1 to 7`, `are the versions 1 to 3, 7`."""
    if len(known) == 1:
        return f"is version {known[0]}"
    runs = [[known[0], known[0]]]
    for number in known[1:]:
        if number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return f"are the versions {', '.join(str(first) if first == last else f'{first} to {last}' for first, last in runs)}"
