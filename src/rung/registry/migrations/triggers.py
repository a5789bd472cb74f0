"""The triggers that hold a table of history to growing only; a step that rewrites history lifts them, and puts them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

VERBS = ("UPDATE", "DELETE")


def forbid(connection: Connection, names: Sequence[str]) -> None:
    """From now on these tables can be neither changed nor shortened."""
    for name in names:
        for verb in VERBS:
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            )


@contextmanager
def lifted(connection: Connection, names: Sequence[str]) -> Iterator[None]:
    """Without these tables' triggers, inside the transaction of a step: no other process sees the database without them."""
    for name in names:
        for verb in VERBS:
            connection.exec_driver_sql(f"DROP TRIGGER {name}_no_{verb.lower()}")
    yield
    forbid(connection, names)
