"""Versions that came from another home, the keys of those homes, what was cleared away, where blobs are; how old answers are.

Answers of before count as kept today.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from rung.registry.db import now
from rung.registry.migrations.triggers import forbid
from rung.registry.servers import POSTGRESQL

TABLES = ("origins", "others", "removed", "places")
STATEMENTS = (
    "CREATE TABLE origins (seq {seq}, name {text}, version INTEGER NOT NULL, line {text}, home {text}, ref {text}, proof {text}, "
    "created {text}, PRIMARY KEY (seq), UNIQUE (line), UNIQUE (name, version))",
    "CREATE TABLE others (seq {seq}, fingerprint {text}, kind {text}, name {text}, home {text}, public {text}, created {text}, "
    "PRIMARY KEY (seq), UNIQUE (fingerprint))",
    "CREATE TABLE removed (seq {seq}, blob {text}, bytes INTEGER NOT NULL, created {text}, PRIMARY KEY (seq))",
    "CREATE INDEX ix_removed_blob ON removed (blob)",
    "CREATE TABLE places (seq {seq}, what {text}, url {text}, created {text}, PRIMARY KEY (seq), UNIQUE (what))",
    "ALTER TABLE answers ADD COLUMN kept {text} DEFAULT ''",
)


def up(connection: Connection) -> None:
    """Adds the tables, and the column."""
    server = connection.dialect.name == POSTGRESQL
    words = (
        {"seq": "SERIAL", "text": 'TEXT COLLATE "C" NOT NULL'} if server else {"seq": "INTEGER NOT NULL", "text": "TEXT NOT NULL"}
    )
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement.format(**words))
    connection.execute(text("UPDATE answers SET kept = :moment"), {"moment": now()})
    forbid(connection, TABLES)
