"""What somebody of this home has signed and what is never taken back: a document, who signed it, and what it is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from sqlalchemy import Table, select

from rung.json_form import Misfit, as_json, canonical_json, digest, from_json
from rung.registry import tables
from rung.registry.db import Database
from rung.registry.heads import add_line
from rung.registry.keys import Identity, Keys, Kind, Signer
from rung.registry.servers import add_once

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Signed(Generic[T]):
    """A document with its signature. `digest` is the document's, `signer` the fingerprint of the key.

    `faults` says in words why it does not hold as it is stored: changed, or signed by nobody whom the home knows. `doubt` says
    whose key signed it where that is one of another home that is not trusted, `lapsed` that the key of who signed it has ended: it
    is what was signed, and does not count. None of the three is there where it holds.
    """

    document: T
    digest: str
    signer: str
    signature: str
    created: str
    faults: tuple[str, ...] = ()
    doubt: str = ""
    lapsed: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is what was signed, by somebody who counts here, with a key that counted then and counts for it now."""
        return not self.why_not

    @property
    def why_not(self) -> tuple[str, ...]:
        """All that keeps it from holding, in words."""
        return (*self.faults, *filter(None, (self.doubt, self.lapsed)))


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a signed document is held against: the home's identities, the keys of others that it has met, by fingerprint; and the
    versions that came from other homes, with what they are called there."""

    identities: Mapping[str, Identity]
    others: Mapping[str, Identity]
    origins: Mapping[tuple[str, int], str]


@dataclass(frozen=True, kw_only=True)
class Shelf(Generic[T]):
    """Where the documents of one kind are kept: the class, the table, the purpose that signatures are made for, and whose count."""

    of: type[T]
    table: Table
    domain: str
    by: tuple[Kind, ...]

    def add(self, database: Database, keys: Keys, signer: Signer, document: T) -> str:
        """Signs a document that has a `name` and a `version`, keeps it, enters it in the audit; returns its digest."""
        body = as_json(document)
        row = {
            "digest": digest(body),
            "name": body["name"],
            "version": body["version"],
            "body": canonical_json(body),
            "signer": signer.identity.fingerprint,
            "signature": signer.sign(self.domain, body),
            "created": body["created"],
        }
        with database.writing() as connection:
            add_once(connection, self.table, row)
            payload = {key: row[key] for key in ("digest", "signer")}
            add_line(database, keys.verifier(), self.domain, f"{row['name']}@{row['version']}", payload)
        return str(row["digest"])

    def found(self, database: Database, keys: Keys, name: str | None = None, version: int | None = None) -> list[Signed[T]]:
        """All of a version, of a name, or of the home, each with what is wrong with it; oldest first.

        One whose text cannot be read any more is told of by `unreadable` alone.
        """
        known, lapsed = _known(database, keys), self._lapsed(database, keys)
        read = [self._read(row, known) for row in self._rows(database, name, version)]
        return [replace(one, lapsed=lapsed(one)) for one in read if one is not None]

    def _lapsed(self, database: Database, keys: Keys) -> Callable[[Signed[T]], str]:
        """Says of a document why its signature does not count any more, "" where it does: by where its line stands in the audit."""
        ended = keys.endings()
        if not ended:
            return lambda _: ""
        columns = tables.audit.c
        wanted = (
            select(columns.seq, columns.created, columns.payload).where(columns.kind == self.domain).order_by(columns.seq.desc())
        )
        lines = {_digest_in(row.payload): (row.seq, row.created) for row in database.rows(wanted)}

        def why(one: Signed[T]) -> str:
            ending, line = ended.get(one.signer), lines.get(one.digest)
            # One that has no line at all was put in: it is told of as that, and never counts.
            if ending is None or (line is not None and not ending.lapsed(*line)):
                return ""
            return (
                f"the {self.domain} {one.digest[:12]} does not count any more: the key of {keys.called(one.signer)} {ending.said}"
            )

        return why

    def unreadable(self, database: Database) -> list[str]:
        """`name@version: why` of each whose stored text is none of this kind any more."""
        return [
            f"{row.name}@{row.version}: the {self.domain} {row.digest[:12]} cannot be read"
            for row in self._rows(database, None, None)
            if self._read(row, Known(identities={}, others={}, origins={})) is None
        ]

    def _rows(self, database: Database, name: str | None, version: int | None) -> list[Any]:
        columns = self.table.c
        wanted = select(self.table).order_by(columns.seq)
        if name is not None:
            wanted = wanted.where(columns.name == name)
        if version is not None:
            wanted = wanted.where(columns.version == version)
        return database.rows(wanted)

    def _read(self, row: Any, known: Known) -> Signed[T] | None:
        try:
            body = json.loads(row.body)
            document = from_json(self.of, body)
        except (Misfit, ValueError):
            return None
        return Signed(
            document=document,
            digest=row.digest,
            signer=row.signer,
            signature=row.signature,
            created=row.created,
            faults=tuple(self._faults(row, body, known)),
            doubt=self._doubt(row, known),
        )

    def _doubt(self, row: Any, known: Known) -> str:
        if row.signer in known.identities or row.signer not in known.others:
            return ""
        called = f"the {self.domain} {row.digest[:12]} of {row.name}@{row.version}"
        return f"{called} is signed by a key of another home that is not trusted here: rung keys trust {row.signer[:16]}"

    def _faults(self, row: Any, body: Mapping[str, Any], known: Known) -> Iterator[str]:
        called, ours = f"the {self.domain} {row.digest[:12]} of {row.name}@{row.version}", known.identities.get(row.signer)
        signer = ours or known.others.get(row.signer)
        if digest(body) != row.digest:
            yield f"{called} was changed: it has another digest"
        elif signer is None:
            yield f"{called} is signed by a key that this home does not know ({row.signer[:16]})"
        elif ours and ours.kind not in self.by:
            yield f"{called} is signed by {signer.name}, who is no {self.by[0]}"
        elif not signer.signed(self.domain, body, row.signature):
            yield f"{called} does not have {signer.name}'s signature"
        is_called = {f"{row.name}@{row.version}", known.origins.get((row.name, row.version))}
        if f"{body['name']}@{body['version']}" not in is_called:
            yield f"{called} is one of {body['name']}@{body['version']}"


def _known(database: Database, keys: Keys) -> Known:
    others, origins = tables.others, tables.origins.c
    strangers = [
        Identity(name=f"{row.name} of {row.home}", kind=row.kind, fingerprint=row.fingerprint, public=row.public)
        for row in database.rows(select(others))
    ]
    came = database.rows(select(origins.name, origins.version, origins.ref))
    return Known(
        identities=keys.by_fingerprint(),
        others={one.fingerprint: one for one in strangers},
        origins={(row.name, row.version): row.ref for row in came},
    )


def _digest_in(payload: str) -> str:
    """Of what a line of the audit says that it was signed; "" where the line was changed."""
    try:
        return str(json.loads(payload)["digest"])
    except (ValueError, KeyError, TypeError):
        return ""
