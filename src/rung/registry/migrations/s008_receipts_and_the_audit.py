"""Identities, receipts, approvals, and the audit: a chain of lines with signed heads.

What homes of before have registered enters the audit as it is found, so that it cannot change unseen from now on. Nothing says that
it had not changed before.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, text

from rung.json_form import canonical_json, digest
from rung.registry.db import now
from rung.registry.migrations.triggers import forbid

TABLES = ("identities", "audit", "heads", "receipts", "approvals")
SIGNED = (
    "(seq INTEGER NOT NULL, digest TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, "
    "signer TEXT NOT NULL, signature TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (digest))"
)
STATEMENTS = (
    "CREATE TABLE identities (seq INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, fingerprint TEXT NOT NULL, "
    "public TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (name), UNIQUE (fingerprint))",
    "CREATE TABLE audit (seq INTEGER NOT NULL, previous TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, "
    "payload TEXT NOT NULL, digest TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (previous))",
    "CREATE INDEX ix_audit_subject ON audit (subject)",
    "CREATE TABLE heads (seq INTEGER NOT NULL, lines INTEGER NOT NULL, digest TEXT NOT NULL, signer TEXT NOT NULL, "
    "signature TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq))",
    f"CREATE TABLE receipts {SIGNED}",
    "CREATE INDEX ix_receipts_of ON receipts (name, version)",
    f"CREATE TABLE approvals {SIGNED}",
    "CREATE INDEX ix_approvals_of ON approvals (name, version)",
)
LINE = "INSERT INTO audit VALUES (:seq, :previous, :kind, :subject, :payload, :digest, :created)"


def up(connection: Connection) -> None:
    """Adds the tables, and a line for each version that the home has."""
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    forbid(connection, TABLES)
    previous, moment = "", now()
    found = connection.execute(text("SELECT name, version, candidate, evidence FROM names ORDER BY seq"))
    for number, row in enumerate(found.all(), 1):
        payload = {"name": row.name, "version": row.version, "candidate": row.candidate, "evidence": json.loads(row.evidence)}
        line = {"previous": previous, "kind": "found", "subject": f"{row.name}@{row.version}", "created": moment}
        name = digest([previous, line["kind"], line["subject"], payload, moment])
        connection.execute(text(LINE), {**line, "seq": number, "payload": canonical_json(payload), "digest": name})
        previous = name
