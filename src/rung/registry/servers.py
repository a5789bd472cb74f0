"""Where a registry's database is: the file `registry.db` beside the blobs (SQLite), or a PostgreSQL server that a URL names.

What the two do differently is said here and in `migrations/triggers.py`; every other statement is the same for both. A writer is
alone while it writes, in either: what it has read is still so when it writes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from rung.errors import BrokenEnvironment, UserError

BUSY_TIMEOUT_MS = 20_000
# SQLite takes at most 999 parameters in one statement before version 3.32.
IN_ONE_SELECT = 900
POSTGRESQL = "postgresql"
SCHEMES = (POSTGRESQL, "postgres")
SECRETS = ("password", "sslpassword")
# Writers of one schema wait for each other at this number.
_TURN = 6_843_710
_FORM = "Write postgresql://USER@HOST/DATABASE; a schema of its own: ?options=-csearch_path%3DSCHEMA."


def check_url(url: str) -> str:
    """The URL of a PostgreSQL database as it is. Raises UserError for another one, and for one that holds a password."""
    try:
        parts = urlsplit(url)
        asked = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True)]
        secret = parts.password is not None or any(key in SECRETS for key in asked)
    except ValueError as error:
        raise UserError(f"the address of the registry's database cannot be read: {error}", hint=_FORM) from None
    if secret:
        raise UserError(
            "the address of the registry's database holds a password, which would stand in the file `format`",
            where=f"{parts.scheme}://...@{parts.hostname}{parts.path}",
            hint="Take it out, and put it into ~/.pgpass or the environment variable PGPASSWORD.",
        )
    if parts.scheme not in SCHEMES or not parts.path.strip("/"):
        raise UserError("this is not the address of a PostgreSQL database", where=url, hint=_FORM)
    return url


def open_engine(file: Path, url: str) -> Engine:
    """A connection pool on the file, or on what the URL names where there is one."""
    return _server(url) if url else _file(file)


def _server(url: str) -> Engine:
    try:
        engine = create_engine(f"{POSTGRESQL}+psycopg://{url.partition('://')[2]}", pool_pre_ping=True)
    except ModuleNotFoundError:
        hint = "pip install 'rung[postgres]'"
        raise BrokenEnvironment("a registry on PostgreSQL needs the package psycopg", where=url, hint=hint) from None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("begin") == "IMMEDIATE":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN}, hashtext(current_schema()))")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return engine


def _file(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}")

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


def make_ready(engine: Engine) -> None:
    """So that readers and a writer do not wait for each other. Two that make a new file at once may be refused without a wait."""
    if engine.dialect.name == POSTGRESQL:
        with engine.connect() as connection:
            if connection.exec_driver_sql("SELECT current_schema()").scalar() is None:
                raise UserError(
                    "the schema that the address names is not there", where=str(engine.url), hint="CREATE SCHEMA makes it."
                )
        return
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


def clock(connection: Connection) -> float:
    """Seconds since 1970 by the database's own clock: on a server that of the server, whatever the machines that ask it think."""
    if connection.dialect.name != POSTGRESQL:
        return time.time()
    return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())


def add_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Adds a row, unless the table has it already by one of its unique keys."""
    connection.execute(_insert(connection, table).on_conflict_do_nothing(), row)


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds rows, each in the place of the one with its primary key."""
    keys = [column.name for column in table.primary_key]
    statement = _insert(connection, table)
    values = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def stored_bytes(connection: Connection, file: Path) -> int:
    """What the registry takes on the disk: the file and its log, or all tables and indices of the schema."""
    if connection.dialect.name == POSTGRESQL:
        wanted = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c WHERE c.relkind = 'r' "
        return int(connection.exec_driver_sql(wanted + "AND c.relnamespace = current_schema()::regnamespace").scalar() or 0)
    return sum(
        part.stat().st_size for part in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))) if part.exists()
    )


def unsound(connection: Connection) -> list[str]:
    """What the file's own check finds; nothing where it is sound, or a server's."""
    if connection.dialect.name == POSTGRESQL:
        return []
    said = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
    return [f"registry.db is damaged: {line}" for line in said if line != "ok"]


def give_back(engine: Engine) -> None:
    """Writes the file anew without what it does not use any more; where somebody else is using it, it stays as it is."""
    if engine.dialect.name == POSTGRESQL:
        return
    with suppress(OperationalError), engine.execution_options(begin="").connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1000")
        connection.exec_driver_sql("VACUUM")


def _insert(connection: Connection, table: Table) -> Any:
    return postgresql.insert(table) if connection.dialect.name == POSTGRESQL else sqlite.insert(table)
