"""Versions that came from another home: which version it is there, and what that home's audit says of it, signed.

A version is the same in two homes where both go back to one line of one audit: that by which its first home registered it. A number
is no name for it: two homes count for themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert, select

from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.audit import Audit
from rung.registry.chain import line_digest, line_of
from rung.registry.db import Database, now
from rung.registry.heads import HEAD, heads_at
from rung.registry.keys import Identity
from rung.registry.names import REGISTERED

RECEIVED = "received"  # the kind of its line in the audit
FOUND = "found"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The line by which a home's audit registered a version, and the head that its verifier signed behind it.

    Without signer where the version is older than that home's audit: then nobody has signed it.
    """

    previous: str
    kind: str
    subject: str
    payload: Mapping[str, Any]
    created: str
    number: int
    signer: str
    signature: str

    @property
    def line(self) -> str:
        """The digest of the line."""
        return line_digest(self.previous, self.kind, self.subject, self.payload, self.created)

    def signed_by(self, signer: Identity) -> bool:
        """Whether this key has signed the head."""
        return signer.fingerprint == self.signer and signer.signed(
            HEAD, {"lines": self.number, "digest": self.line}, self.signature
        )


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a version (`name`, `version`) came from: `ref` in the home that is called `home` here; `line` names it everywhere."""

    name: str
    version: int
    line: str
    home: str
    ref: str
    proof: Proof
    created: str

    def __str__(self) -> str:
        return f"{self.home}:{self.ref}"


class Origins:
    """The origins of one RUNG_HOME's versions."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def of(self, name: str, version: int) -> Origin | None:
        """Where a version came from; None where it was registered here."""
        columns = tables.origins.c
        return next(iter(self._found(columns.name == name, columns.version == version)), None)

    def all(self) -> list[Origin]:
        """Every origin; oldest first."""
        return self._found()

    def own(self, name: str, version: int) -> Proof | None:
        """What names a version everywhere: the proof that it came with, else this home's own; None where its line is gone."""
        if came := self.of(name, version):
            return came.proof
        columns = tables.audit.c
        wanted = select(tables.audit).where(columns.subject == f"{name}@{version}", columns.kind.in_((REGISTERED, FOUND)))
        rows = self._database.rows(wanted.order_by(columns.seq))
        if not rows:
            return None
        line = line_of(rows[0])
        with self._database.reading() as connection:
            head = heads_at(connection, line.number)
        signed = (head.signer, head.signature) if head and head.digest == line.digest else ("", "")
        return Proof(
            previous=line.previous,
            kind=line.kind,
            subject=line.subject,
            payload=line.payload,
            created=line.created,
            number=line.number,
            signer=signed[0],
            signature=signed[1],
        )

    def known(self, line: str) -> str | None:
        """The version here (`name@version`) that a line names; None where there is none."""
        if found := self._found(tables.origins.c.line == line):
            return f"{found[0].name}@{found[0].version}"
        columns = tables.audit.c
        wanted = select(columns.subject).where(columns.digest == line, columns.kind.in_((REGISTERED, FOUND)))
        rows = self._database.rows(wanted)
        return str(rows[0].subject) if rows else None

    def add(self, origin: Origin) -> None:
        """Enters where a version came from."""
        row = {**asdict(origin), "proof": canonical_json(asdict(origin.proof)), "created": now()}
        with self._database.writing() as connection:
            connection.execute(insert(tables.origins), row)
            self._audit.append(RECEIVED, f"{origin.name}@{origin.version}", told(row))

    def faults(self, known: Mapping[str, Identity]) -> Iterator[str]:
        """Each whose proof is not what was signed, by the keys that are known."""
        for origin in self.all():
            called = f"the origin of {origin.name}@{origin.version} ({origin})"
            signer = known.get(origin.proof.signer)
            if origin.proof.line != origin.line:
                yield f"{called} was changed: its line has another digest"
            elif origin.proof.signer and (signer is None or not origin.proof.signed_by(signer)):
                yield f"{called} does not have the signature of that home's verifier"

    def _found(self, *which: ColumnElement[bool]) -> list[Origin]:
        rows = self._database.rows(select(tables.origins).where(*which).order_by(tables.origins.c.seq))
        fields = [{key: value for key, value in row._mapping.items() if key not in ("seq", "proof")} for row in rows]
        return [Origin(proof=Proof(**json.loads(row.proof)), **rest) for row, rest in zip(rows, fields, strict=True)]


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit says of an origin."""
    return {key: row[key] for key in ("name", "version", "line", "home", "ref")}
