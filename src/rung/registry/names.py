"""Names and their versions, each with what it rests on; a name's history is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, insert, select

from rung.errors import UserError
from rung.json_form import canonical_json
from rung.registry import records, tables
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.grounds import beginning_with, enter, grounds_of
from rung.registry.moments import read_moment
from rung.registry.refs import NAME, row_of

REGISTERED = "register"  # the kind of a version's line in the audit


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a version rests on: the climb (id) that passed it, on which rung, the task's digest, and the Merkle root of each split's
    rows; without these where none is known.

    claimed  what it says of itself, of a version that was brought in from outside and that no task has judged
    """

    climb: str = ""
    rung: str = ""
    task: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    claimed: str = ""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a name. `rung` is the one that built the Candidate; `origin` says what it was called in the home that it came
    from (`laptop:tone@3`), "" of what was registered here."""

    name: str
    version: int
    candidate: str
    rung: str
    evidence: Evidence
    created: str
    origin: str = ""

    @property
    def ref(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def is_claimed(self) -> bool:
        """Whether nothing but its own word speaks for it."""
        return bool(self.evidence.claimed)


class Names:
    """The names of one RUNG_HOME."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def register(self, name: str, candidate: str, evidence: Evidence) -> str:
        """Gives a Candidate (id) the next version of a name; returns `name@version`.

        The same Candidate on the same evidence as the newest version is that version again, so that a climb killed between
        registering and writing it down registers once, and what is imported twice is there once. Raises UserError for what cannot
        be a name and for an unknown Candidate.
        """
        check_name(name)
        with self._database.writing() as connection:
            newest = row_of(connection, name)
            if newest and newest.candidate == candidate and _same(_evidence(newest.evidence), evidence):
                return f"{name}@{newest.version}"
            return self._enter(connection, name, newest.version + 1 if newest else 1, candidate, evidence)

    def receive(self, name: str, number: int, candidate: str, evidence: Evidence) -> str:
        """Gives a Candidate (id) that another home has as version `number` of a name a version here; returns `name@version`.

        It keeps its number where that is above all that this home has of the name, else gets the next. Raises as `register` does.
        """
        check_name(name)
        with self._database.writing() as connection:
            newest = row_of(connection, name)
            next_one = newest.version + 1 if newest else 1
            return self._enter(connection, name, max(number, next_one), candidate, evidence)

    def same_as(self, name: str, candidate: str, evidence: Evidence) -> Version | None:
        """The version of a name that is this Candidate (id) from this very climb; None where there is none, or no climb known."""
        found = self.of(name=name, candidate=candidate) if evidence.climb else []
        return next((one for one in found if one.evidence.climb == evidence.climb), None)

    def _enter(self, connection: Connection, name: str, version: int, candidate: str, evidence: Evidence) -> str:
        columns = tables.candidates.c
        stored = connection.execute(select(columns.fields).where(columns.id == candidate)).first()
        if not stored:
            raise UserError(f"no candidate {candidate[:12]} is stored", where=str(self._database.path.parent))
        row = {"name": name, "version": version, "candidate": candidate, "evidence": canonical_json(_told(evidence))}
        connection.execute(insert(tables.names), row | {"created": now()})
        named = row_of(connection, f"{name}@{version}").seq
        enter(connection, named, grounds_of(records.candidate(stored.fields), evidence.task, evidence.data))
        self._audit.append(REGISTERED, f"{name}@{version}", row | {"evidence": _told(evidence)})
        return f"{name}@{version}"

    def all(self) -> list[Version]:
        """Every version of every name; by name, oldest version first."""
        return self._versions()

    def of(self, *, name: str | None = None, candidate: str | None = None, moment: str | None = None) -> list[Version]:
        """The versions of a name, or those that a Candidate (id) has; by name, oldest first. Only those that say they were
        registered by a moment (ISO 8601), where one is given."""
        columns, wanted = tables.names.c, list[ColumnElement[bool]]()
        wanted += [columns.name == name] if name is not None else []
        wanted += [columns.candidate == candidate] if candidate is not None else []
        wanted += [columns.created <= read_moment(moment)] if moment is not None else []
        return self._versions(*wanted)

    def find(self, ref: str) -> Version | None:
        """The version that a name (its newest), `name@version` or `name@alias` refers to; None where there is none."""
        with self._database.reading() as connection:
            row = row_of(connection, ref)
        return self._versions(tables.names.c.seq == row.seq)[0] if row else None

    def on(self, ground: str) -> list[Version]:
        """The versions that rest on what begins so: a base's reference or digest, the digest of a template, an adapter, a task or a
        split's rows; by name, oldest version first."""
        columns = tables.grounds.c
        return self._versions(tables.names.c.seq.in_(select(columns.named).where(beginning_with(columns.digest, ground))))

    def _versions(self, *which: ColumnElement[bool]) -> list[Version]:
        names, candidates, origins = tables.names, tables.candidates, tables.origins
        came = (origins.c.name == names.c.name) & (origins.c.version == names.c.version)
        wanted: Select[Any] = (
            select(names, candidates.c.fields, origins.c.home, origins.c.ref)
            .join(candidates, candidates.c.id == names.c.candidate)
            .outerjoin(origins, came)
            .where(*which)
        )
        return [
            Version(
                name=row.name,
                version=row.version,
                candidate=row.candidate,
                rung=json.loads(row.fields)["rung"],
                evidence=_evidence(row.evidence),
                created=row.created,
                origin=f"{row.home}:{row.ref}" if row.ref else "",
            )
            for row in self._database.rows(wanted.order_by(names.c.name, names.c.version))
        ]


def check_name(name: str) -> None:
    """Raises UserError for what cannot be a name."""
    if not NAME.fullmatch(name):
        hint = "Use letters, digits, '.', '_' and '-', beginning with a letter or digit."
        raise UserError(f"'{name}' cannot be a name", hint=hint)


def _same(one: Evidence, other: Evidence) -> bool:
    """One climb passes a Candidate once, whatever else is said of it."""
    return one.climb == other.climb if one.climb else one == other


def _told(evidence: Evidence) -> dict[str, Any]:
    """As it is stored: a version that claims nothing reads as it did before there were claims."""
    return {key: value for key, value in asdict(evidence).items() if value or key != "claimed"}


def _evidence(text: str) -> Evidence:
    return Evidence(**json.loads(text))
