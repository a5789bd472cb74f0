"""The locked split is called test, no longer gate: Runs on it say so. Blobs never change; the database says what a Run is of."""

from __future__ import annotations

from sqlalchemy import Connection

from rung.registry.migrations.triggers import lifted


def up(connection: Connection) -> None:
    """Renames the split of every stored Run on it."""
    with lifted(connection, ("runs",)):
        connection.exec_driver_sql("UPDATE runs SET split = 'test' WHERE split = 'gate'")
