"""The ledger of looks is kept by the rows that were looked at, whatever their task: sets of rows, and what each climb was charged.

Looks of before name no rows: a task's digest does not tell which rows it had. They stay, without a set.
"""

from __future__ import annotations

from sqlalchemy import Connection

from rung.registry.migrations.triggers import forbid

STATEMENTS = (
    "CREATE TABLE row_sets (seq INTEGER NOT NULL, digest TEXT NOT NULL, n INTEGER NOT NULL, created TEXT NOT NULL, "
    "PRIMARY KEY (seq), UNIQUE (digest))",
    "CREATE TABLE locked_rows (row TEXT NOT NULL, row_set INTEGER NOT NULL, PRIMARY KEY (row, row_set))",
    "CREATE TABLE charges (seq INTEGER NOT NULL, climb TEXT NOT NULL, row_set INTEGER NOT NULL, number INTEGER NOT NULL, "
    "alpha FLOAT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (climb))",
    "CREATE TABLE tests (seq INTEGER NOT NULL, gauge TEXT NOT NULL, test TEXT NOT NULL, lines TEXT NOT NULL, "
    "climb TEXT NOT NULL, alpha FLOAT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (gauge, test, lines))",
    "ALTER TABLE looks ADD COLUMN row_set INTEGER",
)


def up(connection: Connection) -> None:
    """Adds the tables, and to each look the set of rows that it was at."""
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    forbid(connection, ("row_sets", "locked_rows", "charges", "tests"))
