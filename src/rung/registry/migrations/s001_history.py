"""The tables of homes before there were steps: history, which triggers hold to growing only, and the cache of answers."""

from __future__ import annotations

from sqlalchemy import Connection

from rung.registry.migrations.triggers import forbid

HISTORY = ("tasks", "candidates", "runs", "looks", "names", "facts")
STATEMENTS = (
    "CREATE TABLE IF NOT EXISTS tasks (seq INTEGER NOT NULL, digest TEXT NOT NULL, summary TEXT NOT NULL, created TEXT NOT NULL, "
    "PRIMARY KEY (seq), UNIQUE (digest))",
    "CREATE TABLE IF NOT EXISTS candidates (seq INTEGER NOT NULL, id TEXT NOT NULL, built_for TEXT NOT NULL, fields TEXT NOT NULL, "
    "created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (id))",
    "CREATE TABLE IF NOT EXISTS runs (seq INTEGER NOT NULL, id TEXT NOT NULL, candidate TEXT NOT NULL, task TEXT NOT NULL, "
    "split TEXT NOT NULL, n INTEGER NOT NULL, mean FLOAT, blob TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), "
    "UNIQUE (id))",
    "CREATE INDEX IF NOT EXISTS ix_runs_candidate ON runs (candidate)",
    "CREATE INDEX IF NOT EXISTS ix_runs_task ON runs (task)",
    "CREATE TABLE IF NOT EXISTS looks (seq INTEGER NOT NULL, task TEXT NOT NULL, candidate TEXT NOT NULL, n INTEGER NOT NULL, "
    "created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (task, candidate, n))",
    "CREATE TABLE IF NOT EXISTS names (seq INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, "
    "candidate TEXT NOT NULL, evidence TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (name, version))",
    "CREATE TABLE IF NOT EXISTS facts (seq INTEGER NOT NULL, climb TEXT NOT NULL, key TEXT NOT NULL, payload TEXT NOT NULL, "
    "created TEXT NOT NULL, PRIMARY KEY (seq))",
    "CREATE INDEX IF NOT EXISTS ix_facts_climb ON facts (climb)",
    "CREATE TABLE IF NOT EXISTS answers (candidate TEXT NOT NULL, example TEXT NOT NULL, payload TEXT NOT NULL, "
    "PRIMARY KEY (candidate, example))",
)


def up(connection: Connection) -> None:
    """Makes what is not there yet: a home of before has all of it."""
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    forbid(connection, HISTORY)
