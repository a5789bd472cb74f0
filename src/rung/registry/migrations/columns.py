"""Types of columns that a file and a server call by other names, for steps that add tables to either."""

from __future__ import annotations

from sqlalchemy import Connection

from rung.registry.servers import POSTGRESQL


def number(connection: Connection) -> str:
    """A running number."""
    return "SERIAL NOT NULL" if connection.dialect.name == POSTGRESQL else "INTEGER NOT NULL"


def text(connection: Connection) -> str:
    """A text, compared as bytes."""
    return 'TEXT COLLATE "C" NOT NULL' if connection.dialect.name == POSTGRESQL else "TEXT NOT NULL"
