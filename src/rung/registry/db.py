"""The registry's database: one connection pool, a transaction for each thing said, what it refuses told in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, inspect

from rung.errors import BrokenEnvironment
from rung.registry.faults import explained
from rung.registry.servers import add_once, give_back, make_ready, open_engine, stored_bytes, unsound


class Database:
    """One connection pool on the file `registry.db` at `path`, or on the server that `url` names."""

    def __init__(self, path: Path, *, writable: bool, url: str = "") -> None:
        self.path, self.writable = path, writable
        self._where = path.parent if url else path
        self._joined = threading.local()
        self._engine = open_engine(path, url)
        self._file: tuple[int, int] | None = None
        try:
            with explained(self._where):
                make_ready(self._engine)
        except BaseException:
            self.close()
            raise
        self._file = None if url else _number(path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database."""
        with explained(self._where), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that keeps all that this thread does in it or nothing; within another, a part of that."""
        if not self.writable:
            raise RuntimeError("this RUNG_HOME was opened to read: open_home(write=True) writes")
        joined: Connection | None = getattr(self._joined, "connection", None)
        if joined is not None:
            yield joined
            return
        kept: dict[str, Callable[[], None]] = {}
        with self.changing() as connection:
            self._joined.connection, self._joined.kept = connection, kept
            try:
                yield connection
            finally:
                self._joined.connection = None
        for then in kept.values():
            then()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction for all that this thread writes within."""
        with self.writing():
            yield

    def once_kept(self, what: str, then: Callable[[], None]) -> None:
        """Calls `then` when the transaction that this thread is in has been kept, the last one for each `what`; else never."""
        self._joined.kept[what] = then

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """The same for migrations, which whoever opens a home may have to do."""
        with explained(self._where), self._engine.execution_options(begin="IMMEDIATE").begin() as connection:
            self._refuse_another()
            yield connection
            self._refuse_another()

    def _refuse_another(self) -> None:
        """What is written to a file that was taken away, or that another one stands in the place of, is lost with it."""
        if self._file is not None and _number(self.path) != self._file:
            raise BrokenEnvironment(
                "the registry was taken away, or another was put in its place, while it was open",
                where=str(self._where),
                hint="Put it back, or end this program and start it again.",
            )

    def rows(self, statement: Select[Any]) -> list[Row[Any]]:
        """All rows of a query, as the database is at one moment."""
        with self.reading() as connection:
            return list(connection.execute(statement))

    def append(self, table: Table, row: Mapping[str, Any]) -> None:
        """Adds a row, unless the table has it already by one of its unique keys."""
        with self.writing() as connection:
            add_once(connection, table, {**row, "created": now()})

    def has_registry(self) -> bool:
        """Whether somebody has made a registry in it."""
        with self.reading() as connection:
            return inspect(connection).has_table("migrations")

    def size_bytes(self) -> int:
        """What it takes on the disk; on a server, its tables and indices."""
        with self.reading() as connection:
            return stored_bytes(connection, self.path)

    def faults(self) -> list[str]:
        """What the database finds in itself that is not sound. Reads all of it; a server sees to that itself."""
        with self.reading() as connection:
            return unsound(connection)

    def shrink(self) -> None:
        """Gives room that is not used any more back to the disk, where nobody else is using the file."""
        give_back(self._engine)

    def close(self) -> None:
        """Closes the pool's connections."""
        self._engine.dispose()


def _number(path: Path) -> tuple[int, int] | None:
    """By what the disk knows a file, whatever it is called; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def now() -> str:
    """The moment in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
