"""An SQLite database: `file.db#table`, read without a journal, a lock file or anything else written beside it."""

from __future__ import annotations

import shutil
import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from rung.data import archives
from rung.data.read.containers import tables
from rung.data.read.containers.located import Ask, Located, made_folder
from rung.errors import UserError

ORDER = 4
MAGIC = b"SQLite format 3\x00"
WRITE_AHEAD_AT = 18  # 2 there and in the next byte: the journal mode is WAL (the file format's header)
BUSY_S = 2.0
TABLES = "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' order by name"


def holds(path: Path, first: bytes) -> bool:
    """Whether it is one."""
    return first.startswith(MAGIC)


def unpack(path: Path, ask: Ask) -> Located:
    """A table's or view's rows, in the order of the database. Raises UserError, naming the tables, where none is named."""
    try:
        with closing(_opened(path, ask)) as database:
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            table = tables.chosen([name for (name,) in database.execute(TABLES)], ask, "SQLite database")
            return tables.located(_rows(database, table), table, ask, "sqlite")
    except sqlite3.Error as error:
        if "locked" in str(error):
            hint = "Another program writes to it: end that, or give a copy."
            raise UserError("the database is locked", where=ask.shown, hint=hint) from None
        raise UserError(
            f"the database cannot be read: {error}", where=ask.shown, hint="`sqlite3 FILE .recover` may mend it."
        ) from None


def _opened(path: Path, ask: Ask) -> sqlite3.Connection:
    """Read-only. SQLite would write files beside a database with a write-ahead log: of such a one a copy is read, log and all."""
    with path.open("rb") as file:
        header = file.read(WRITE_AHEAD_AT + 2)
    log = path.with_name(f"{path.name}-wal")
    if header[WRITE_AHEAD_AT : WRITE_AHEAD_AT + 2] == b"\x02\x02":
        if path.stat().st_size > archives.MAX_ARCHIVE_BYTES:
            hint = "Run `pragma journal_mode=delete` on a copy, and give that."
            raise UserError("the database has a write-ahead log and is too large to copy", where=ask.shown, hint=hint)
        copy = made_folder() / path.name
        shutil.copyfile(path, copy)
        if log.exists():
            shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
        path = copy
        return sqlite3.connect(copy, timeout=BUSY_S)
    return sqlite3.connect(f"file:{urllib.parse.quote(str(path.resolve()))}?mode=ro", uri=True, timeout=BUSY_S)


def _rows(database: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    cursor = database.execute(f"select * from {quoted(table)}")
    names = [column[0] for column in cursor.description]
    for values in cursor:
        yield dict(zip(names, values, strict=True))


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'
