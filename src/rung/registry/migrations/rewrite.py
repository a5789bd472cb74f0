"""For a step that gives candidates other fields: their JSON rewritten, their ids with it, and all that names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from rung.json_form import digest
from rung.registry.db import now
from rung.registry.migrations.triggers import lifted

REWRITTEN = ("candidates", "runs", "looks", "names", "aliases")
# Ids that a cache or a ledger may hold under the new id as well, where two candidates became one.
NAMING = {"runs": "candidate", "looks": "candidate", "names": "candidate", "answers": "candidate", "aliases": "candidate"}

Rewrite = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def rewrite_candidates(connection: Connection, rewrite: Rewrite) -> None:
    """Puts `rewrite(fields)` in the place of every stored candidate's fields; its id is their SHA-256, as every Candidate's.

    `rewrite` is pure, gets a candidate's fields with its parent's new id already in them, and gives all fields of the new form.
    The order of keys is kept, since that of a schema is the order in which a model writes. The ids of before stay findable.
    """
    stored = {row.id: row for row in connection.execute(text("SELECT seq, id, fields FROM candidates ORDER BY seq"))}
    ids: dict[str, str] = {}
    rewritten: dict[str, str] = {}

    def renamed(old: str) -> str:
        """The new id; a parent's is found first. An id that is not stored stays as it is."""
        if old in stored and old not in ids:
            fields = json.loads(stored[old].fields)
            if fields.get("parent"):
                fields["parent"] = renamed(fields["parent"])
            new = dict(rewrite(fields))
            ids[old] = digest(new)
            rewritten[old] = json.dumps(new, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return ids.get(old, old)

    for old in stored:
        renamed(old)
    with lifted(connection, REWRITTEN):
        for old, row in stored.items():
            _replace(connection, row.seq, ids[old], rewritten[old])
            if ids[old] != old:
                _rename(connection, old, ids[old])


def _replace(connection: Connection, seq: int, new: str, fields: str) -> None:
    """Where two candidates became one, one row stands for both."""
    values = {"seq": seq, "id": new, "fields": fields}
    if connection.execute(text("SELECT seq FROM candidates WHERE id = :id AND seq != :seq"), values).first():
        connection.execute(text("DELETE FROM candidates WHERE seq = :seq"), values)
    else:
        connection.execute(text("UPDATE candidates SET id = :id, fields = :fields WHERE seq = :seq"), values)


def _rename(connection: Connection, old: str, new: str) -> None:
    ids = {"old": old, "new": new, "created": now()}
    for table, column in NAMING.items():
        # A row that the new id has already is left under the old one: the alias leads there.
        connection.execute(text(f"UPDATE OR IGNORE {table} SET {column} = :new WHERE {column} = :old"), ids)
    connection.execute(text("INSERT OR IGNORE INTO aliases (old, candidate, created) VALUES (:old, :new, :created)"), ids)
