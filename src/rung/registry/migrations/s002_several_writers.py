"""Several processes write at once: leases on climbs, which form a climb's record has, and the ids that candidates once had."""

from __future__ import annotations

from sqlalchemy import Connection

from rung.registry.migrations.triggers import forbid

STATEMENTS = (
    "CREATE TABLE leases (climb TEXT NOT NULL, name TEXT NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL, "
    "started TEXT NOT NULL, token TEXT NOT NULL, since TEXT NOT NULL, beat FLOAT NOT NULL, PRIMARY KEY (climb))",
    "CREATE TABLE climbs (seq INTEGER NOT NULL, climb TEXT NOT NULL, form INTEGER NOT NULL, task TEXT NOT NULL, "
    "created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (climb))",
    "CREATE TABLE aliases (seq INTEGER NOT NULL, old TEXT NOT NULL, candidate TEXT NOT NULL, created TEXT NOT NULL, "
    "PRIMARY KEY (seq), UNIQUE (old))",
    # Records of before have form 2; the first fact of each is its lock, which names the task.
    "INSERT INTO climbs (climb, form, task, created) SELECT climb, 2, coalesce(json_extract(payload, '$.task'), ''), created "
    "FROM facts WHERE seq IN (SELECT min(seq) FROM facts GROUP BY climb) ORDER BY seq",
)


def up(connection: Connection) -> None:
    """Adds the tables, and enters the climbs that the home has."""
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    forbid(connection, ("climbs", "aliases"))
