"""The SQLite file: one connection pool, a transaction for each thing said, what it refuses told in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, Table, create_engine, event, insert, inspect

from rung.registry.faults import explained
from rung.registry.tables import HISTORY, metadata

BUSY_TIMEOUT_MS = 20_000


class Database:
    """One connection pool on `registry.db`."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path, self.writable = path, writable
        self._engine = _engine(path)
        with explained(path):
            _create(self._engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database."""
        with explained(self.path), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that keeps all that is done in it or nothing."""
        if not self.writable:
            raise RuntimeError("this RUNG_HOME was opened to read: open_home(write=True) writes")
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
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")

    return engine


def _create(engine: Engine) -> None:
    """Makes the tables and triggers where they are missing; WAL lets `rung ls` read while a climb writes."""
    if inspect(engine).has_table("answers"):
        return
    raw = engine.raw_connection()
    try:
        raw.execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()
    with engine.execution_options(begin="IMMEDIATE").begin() as connection:
        metadata.create_all(connection)
        for table in HISTORY:
            for verb in ("UPDATE", "DELETE"):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER IF NOT EXISTS {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} "
                    f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"
                )
