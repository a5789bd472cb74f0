"""The ledger takes the same test from several climbs: a later one may spend more on it than what it was charged before."""

from __future__ import annotations

from sqlalchemy import Connection

from rung.registry.migrations.triggers import forbid

STATEMENTS = (
    "CREATE TABLE tests_of_climbs (seq INTEGER NOT NULL, gauge TEXT NOT NULL, test TEXT NOT NULL, lines TEXT NOT NULL, "
    "climb TEXT NOT NULL, alpha FLOAT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (gauge, test, lines, climb))",
    "INSERT INTO tests_of_climbs SELECT seq, gauge, test, lines, climb, alpha, created FROM tests ORDER BY seq",
    "DROP TABLE tests",
    "ALTER TABLE tests_of_climbs RENAME TO tests",
)


def up(connection: Connection) -> None:
    """Every test that was written down stays, in its order."""
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    forbid(connection, ("tests",))
