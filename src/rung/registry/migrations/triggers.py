"""The triggers that hold a table of history to growing only; a step that rewrites history lifts them, and puts them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from rung.registry.servers import POSTGRESQL

VERBS = ("UPDATE", "DELETE")
# PostgreSQL has a third way to shorten a table, and wants what a trigger does as a function.
SERVER_VERBS = (*VERBS, "TRUNCATE")
REFUSAL = (
    "CREATE OR REPLACE FUNCTION rung_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"
)


def forbid(connection: Connection, names: Sequence[str]) -> None:
    """From now on these tables can be neither changed nor shortened."""
    server = connection.dialect.name == POSTGRESQL
    if server:
        connection.exec_driver_sql(REFUSAL)
    for name in names:
        for verb in SERVER_VERBS if server else VERBS:
            connection.exec_driver_sql(_server_trigger(name, verb) if server else _file_trigger(name, verb))


def _file_trigger(name: str, verb: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
        f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    )


def _server_trigger(name: str, verb: str) -> str:
    return f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} EXECUTE FUNCTION rung_append_only()"


@contextmanager
def lifted(connection: Connection, names: Sequence[str]) -> Iterator[None]:
    """Without these tables' triggers, inside the transaction of a step: no other process sees the database without them."""
    server = connection.dialect.name == POSTGRESQL
    for name in names:
        for verb in SERVER_VERBS if server else VERBS:
            connection.exec_driver_sql(f"DROP TRIGGER {name}_no_{verb.lower()}{f' ON {name}' if server else ''}")
    yield
    forbid(connection, names)
