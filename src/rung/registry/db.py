"""The SQLite file: one connection pool, a transaction for each thing said, what it refuses told in words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, Table, create_engine, event, insert
from sqlalchemy.exc import OperationalError

from rung.registry.faults import explained

BUSY_TIMEOUT_MS = 20_000


class Database:
    """One connection pool on `registry.db`."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path, self.writable = path, writable
        self._joined = threading.local()
        self._engine = _engine(path)
        try:
            with explained(path):
                _use_wal(self._engine)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database."""
        with explained(self.path), self._engine.begin() as connection:
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
        with explained(self.path), self._engine.execution_options(begin="IMMEDIATE").begin() as connection:
            yield connection

    def rows(self, statement: Select[Any]) -> list[Row[Any]]:
        """All rows of a query, as the database is at one moment."""
        with self.reading() as connection:
            return list(connection.execute(statement))

    def append(self, table: Table, row: Mapping[str, Any]) -> None:
        """Adds a row, unless the table has it already by one of its unique keys."""
        with self.writing() as connection:
            connection.execute(insert(table).prefix_with("OR IGNORE"), {**row, "created": now()})

    def close(self) -> None:
        """Closes the pool's connections."""
        self._engine.dispose()


def now() -> str:
    """The moment in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver opens transactions by itself, deferred and late; with None it leaves that to the BEGIN below.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA recursive_triggers=ON")  # else INSERT OR REPLACE would pass by the triggers

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if kind := connection.get_execution_options().get("begin", "DEFERRED"):
            connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _use_wal(engine: Engine) -> None:
    """So that readers and a writer do not wait for each other. Two that make a new file at once may be refused without a wait."""
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            with engine.execution_options(begin="").connect() as connection:
                if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                return
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > until:
                raise
            time.sleep(0.01)
