"""Aliases of names, each move of one kept (`alias_moves`), and what every version rests on by digest (`grounds`), to be asked for.

`aliases` is another thing: the ids that candidates once had.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, text

from rung.registry.migrations.triggers import forbid

STATEMENTS = (
    "CREATE TABLE alias_moves (seq INTEGER NOT NULL, name TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER, "
    "generation INTEGER NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, receipt TEXT NOT NULL, "
    "created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (name, alias, generation))",
    "CREATE TABLE grounds (digest TEXT NOT NULL, kind TEXT NOT NULL, named INTEGER NOT NULL, PRIMARY KEY (digest, kind, named))",
    "CREATE INDEX ix_names_candidate ON names (candidate)",
)
VERSIONS = "SELECT names.seq, names.evidence, candidates.fields FROM names JOIN candidates ON candidates.id = names.candidate"
LOCKS = "SELECT climb, payload FROM facts WHERE key = 'lock' ORDER BY seq"
ENTER = text("INSERT OR IGNORE INTO grounds (digest, kind, named) VALUES (:digest, :kind, :named)")


def up(connection: Connection) -> None:
    """Adds the tables, and enters what the versions that the home has rest on; the data's digests are in their climbs' locks."""
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    data = {row.climb: json.loads(row.payload).get("data") for row in connection.execute(text(LOCKS))}
    for row in connection.execute(text(VERSIONS)).all():
        evidence = json.loads(row.evidence)
        for kind, digest in _grounds(json.loads(row.fields), evidence, data.get(evidence.get("climb"))):
            connection.execute(ENTER, {"digest": digest, "kind": kind, "named": row.seq})
    forbid(connection, ("alias_moves", "grounds"))


def _grounds(fields: Mapping[str, Any], evidence: Mapping[str, Any], data: Any) -> Iterator[tuple[str, str]]:
    bare, _, pin = fields["base"].partition("@sha256:")
    found = [("base", fields["base"]), ("base", bare), ("base", pin), ("template", fields.get("template"))]
    found += [("adapter", digest) for digest in fields.get("adapters", ())] + [("task", evidence.get("task"))]
    found += [("data", digest) for digest in data.values()] if isinstance(data, dict) else []
    return ((kind, digest) for kind, digest in found if digest)
