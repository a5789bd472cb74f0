"""The chain of the audit: every line holds the digest of the line before it, so that none can be changed, taken out or put in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from rung.json_form import canonical_json, digest
from rung.registry import tables
from rung.registry.db import now

BEGINNING = ""
CLOCK = "clock"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the audit. `number` counts from 1, `previous` is the digest of the line before, "" of the first."""

    number: int
    previous: str
    kind: str
    subject: str
    payload: Mapping[str, Any]
    digest: str
    created: str

    @property
    def computed(self) -> str:
        """What its digest must be."""
        return line_digest(self.previous, self.kind, self.subject, self.payload, self.created)


def line_digest(previous: str, kind: str, subject: str, payload: Mapping[str, Any], created: str) -> str:
    """SHA-256 over the canonical JSON of [previous, kind, subject, payload, created]."""
    return digest([previous, kind, subject, dict(payload), created])


def append_line(connection: Connection, kind: str, subject: str, payload: Mapping[str, Any]) -> Line:
    """Adds a line to the chain, in the caller's transaction.

    Moments never run back: where the clock does, a line of its own says so, and both bear the moment of the line before.
    """
    last = last_line(connection)
    said = now()
    if last is not None and said < last.created:
        if not _told(connection, last.created):
            last = _add(connection, last, CLOCK, "", {"clock": said}, last.created)
        said = last.created
    return _add(connection, last, kind, subject, payload, said)


def last_line(connection: Connection) -> Line | None:
    """The newest line; None where the audit is empty."""
    found = connection.execute(select(tables.audit).order_by(tables.audit.c.seq.desc()).limit(1)).first()
    return line_of(found) if found is not None else None


def _told(connection: Connection, moment: str) -> bool:
    """Whether a line says already that the clock went back behind this moment."""
    columns = tables.audit.c
    wanted = select(columns.seq).where(columns.kind == CLOCK, columns.created == moment).order_by(columns.seq.desc()).limit(1)
    return connection.execute(wanted).first() is not None


def line_of(row: Any) -> Line:
    """A stored line. Raises ValueError where its payload is no JSON any more."""
    return Line(
        number=row.seq,
        previous=row.previous,
        kind=row.kind,
        subject=row.subject,
        payload=json.loads(row.payload),
        digest=row.digest,
        created=row.created,
    )


def _add(connection: Connection, last: Line | None, kind: str, subject: str, payload: Mapping[str, Any], created: str) -> Line:
    previous, number = (last.digest, last.number + 1) if last else (BEGINNING, 1)
    text = canonical_json(dict(payload))
    kept = json.loads(text)  # what is hashed is what a reader reads
    name = line_digest(previous, kind, subject, kept, created)
    row = {
        "seq": number,
        "previous": previous,
        "kind": kind,
        "subject": subject,
        "payload": text,
        "digest": name,
        "created": created,
    }
    connection.execute(insert(tables.audit), row)
    return Line(number=number, previous=previous, kind=kind, subject=subject, payload=kept, digest=name, created=created)
