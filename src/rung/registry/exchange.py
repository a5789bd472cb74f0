"""What goes from one home to another with a version: the rows of the history that speak of it, as they are.

A parcel is read at one moment of the database it comes from. What the other home has already is left as it is; nothing in it is
changed. A climb comes whole, with its charges on the locked rows: who climbs there next knows how often they were looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, insert, select

from rung.errors import UserError
from rung.json_form import canonical_json, digest
from rung.registry import records, tables
from rung.registry.audit import Audit
from rung.registry.db import Database
from rung.registry.locks import LOCKED, told_of
from rung.registry.looks import set_of
from rung.registry.names import Version
from rung.registry.reach import DIGEST
from rung.registry.servers import add_once
from rung.registry.serving import RULES
from rung.registry.serving import told_of as rules_told

RowOf = Mapping[str, Any]
# Of a climb's facts those that name what it registered.
NAMES_IT = ("registered", "document")


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A version's rows, without their running numbers.

    candidates  its Candidate and those that it was made from, the nearest first, and those that its climb tried; `once` old ids
    facts       of the climb that registered it; `charges` and `looks` name their locked rows by `rows`
    locks       what was kept of the task that it passed, `rules` what was said last of its answers on the line
    """

    version: Version
    candidates: tuple[RowOf, ...]
    once: tuple[RowOf, ...]
    tasks: tuple[RowOf, ...]
    runs: tuple[RowOf, ...]
    climbs: tuple[RowOf, ...]
    facts: tuple[RowOf, ...]
    charges: tuple[RowOf, ...]
    tests: tuple[RowOf, ...]
    looks: tuple[RowOf, ...]
    locks: tuple[RowOf, ...]
    receipts: tuple[RowOf, ...]
    approvals: tuple[RowOf, ...]
    rules: tuple[RowOf, ...]

    @property
    def made_of(self) -> tuple[str, ...]:
        """The digests of all blobs that its Candidate names."""
        return records.candidate(self.candidates[0]["fields"]).artefacts

    @property
    def blobs(self) -> tuple[str, ...]:
        """The same, and those of the answers that it gave."""
        judged = [json.loads(receipt["body"]).get("run", "") for receipt in self.receipts]
        kept = [lock[name] for lock in self.locks for name in ("blob", "rows")]
        return tuple(dict.fromkeys([*self.made_of, *[run["blob"] for run in self.runs], *filter(None, judged), *kept]))

    @property
    def signers(self) -> set[str]:
        """The fingerprints of all who signed something of it, and of who made it."""
        makers = [json.loads(receipt["body"]).get("maker", "") for receipt in self.receipts]
        return {row["signer"] for row in (*self.receipts, *self.approvals)} | set(filter(None, makers))


class Exchange:
    """Versions of one RUNG_HOME packed for another, and those of another unpacked."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def pack(self, version: Version) -> Parcel:
        """All that this home's history says of a version."""
        with self._database.reading() as connection:
            candidates = tuple(_line_of(connection, version.candidate))
            ids = [row["id"] for row in candidates]
            climb = version.evidence.climb
            facts = _rows(connection, tables.facts, climb=climb) if climb else []
            runs = _rows(connection, tables.runs, candidate=version.candidate)
            tried, answered = _named_in(connection, facts)
            candidates += tuple(row for row in tried if row["id"] not in ids)
            runs += [row for row in answered if row["candidate"] != version.candidate]
            locks = {version.evidence.task, *[row["task"] for row in runs], *[row["built_for"] for row in candidates]}
            of_it = {"name": version.name, "version": version.version}
            return Parcel(
                version=version,
                candidates=candidates,
                once=tuple(row for name in ids for row in _rows(connection, tables.aliases, candidate=name)),
                tasks=tuple(row for lock in sorted(locks - {""}) for row in _rows(connection, tables.tasks, digest=lock)),
                runs=tuple(runs),
                climbs=tuple(_rows(connection, tables.climbs, climb=climb) if climb else ()),
                facts=tuple(facts),
                charges=tuple(_with_rows(connection, _rows(connection, tables.charges, climb=climb) if climb else [])),
                tests=tuple(_rows(connection, tables.tests, climb=climb) if climb else ()),
                looks=tuple(_with_rows(connection, _rows(connection, tables.looks, candidate=version.candidate))),
                locks=tuple(_rows(connection, tables.locks, task=version.evidence.task) if version.evidence.task else ()),
                receipts=tuple(_rows(connection, tables.receipts, **of_it)),
                approvals=tuple(_rows(connection, tables.approvals, **of_it)),
                rules=tuple(_rows(connection, tables.serving_rules, subject=version.evidence.task or version.ref)[-1:]),
            )

    def unpack_candidates(self, parcel: Parcel) -> None:
        """Keeps the Candidates of a parcel. Raises UserError for one that is not what its id says."""
        for row in parcel.candidates:
            if digest(json.loads(row["fields"])) != row["id"]:
                hint = "`rung verify` in that home says what else is."
                raise UserError(f"the candidate {row['id'][:12]} of {parcel.version.ref} was changed there", hint=hint)
        with self._database.writing() as connection:
            for row in reversed(parcel.candidates):
                add_once(connection, tables.candidates, row)
            for row in parcel.once:
                add_once(connection, tables.aliases, row)

    def unpack(self, parcel: Parcel, name: str, version: int, lacking: frozenset[str]) -> list[str]:
        """Keeps the rest of a parcel, for what is `name@version` here; what is to be told of it. Within `home.together()`.

        lacking  blobs that did not come; Runs of them do not, either
        """
        ref, notes = f"{name}@{version}", list[str]()
        runs = [row for row in parcel.runs if row["blob"] not in lacking]
        with self._database.writing() as connection:
            for table, rows in ((tables.tasks, parcel.tasks), (tables.runs, runs)):
                for row in rows:
                    add_once(connection, table, row)
            notes += _keep_climb(connection, parcel, ref)
            for row in parcel.looks:
                _add_with_rows(connection, tables.looks, row)
            for row in parcel.locks:
                self._keep_lock(connection, row)
            for row in parcel.rules:
                notes += self._keep_rules(connection, row, parcel.version.evidence.task or ref)
            for table, rows, kind in (
                (tables.receipts, parcel.receipts, "receipt"),
                (tables.approvals, parcel.approvals, "approval"),
            ):
                for row in rows:
                    self._keep_signed(connection, table, kind, {**row, "name": name, "version": version})
        return notes

    def _keep_lock(self, connection: Connection, row: RowOf) -> None:
        if connection.execute(select(tables.locks.c.seq).where(tables.locks.c.task == row["task"])).first() is None:
            connection.execute(insert(tables.locks), dict(row))
            self._audit.append(LOCKED, row["task"], told_of(row))

    def _keep_rules(self, connection: Connection, row: RowOf, subject: str) -> list[str]:
        """What is said of its answers here counts here; where nothing is, what was said there."""
        if known := _rows(connection, tables.serving_rules, subject=subject):
            same = known[-1]["body"] == row["body"]
            return (
                [] if same else ["what its task says of its answers on the line is something else there: what is said here counts"]
            )
        kept = {**row, "subject": subject, "number": 1}
        connection.execute(insert(tables.serving_rules), kept)
        self._audit.append(RULES, subject, rules_told(kept))
        return []

    def _keep_signed(self, connection: Connection, table: Table, kind: str, row: RowOf) -> None:
        if connection.execute(select(table.c.seq).where(table.c.digest == row["digest"])).first() is None:
            connection.execute(insert(table), dict(row))
            self._audit.append(kind, f"{row['name']}@{row['version']}", {"digest": row["digest"], "signer": row["signer"]})


def _rows(connection: Connection, table: Table, **equal: Any) -> list[dict[str, Any]]:
    wanted: Select[Any] = select(table).order_by(table.c.seq)
    for column, value in equal.items():
        wanted = wanted.where(table.c[column] == value)
    return [{key: value for key, value in row._mapping.items() if key != "seq"} for row in connection.execute(wanted)]


def _line_of(connection: Connection, candidate: str | None) -> Iterator[dict[str, Any]]:
    """A Candidate's row and those of its parents, as far as they are stored."""
    seen: set[str] = set()
    while candidate and candidate not in seen:
        seen.add(candidate)
        found = _rows(connection, tables.candidates, id=candidate)
        if not found:
            return
        yield found[0]
        candidate = json.loads(found[0]["fields"]).get("parent")


def _named_in(connection: Connection, facts: Sequence[RowOf]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The candidates and the Runs that a climb's record names, so that it can be told again; not what they are made of."""
    named = sorted({name for fact in facts for name in DIGEST.findall(fact["payload"])})
    tried, answered = [], []
    for name in named:
        tried += _rows(connection, tables.candidates, id=name)
        answered += _rows(connection, tables.runs, blob=name)
    return tried, answered


def _with_rows(connection: Connection, found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each with its locked rows in the place of their set's number, which is this home's."""
    columns = tables.locked_rows.c
    for row in found:
        if (number := row.pop("row_set")) is None:
            yield row
        else:
            yield row | {"rows": list(connection.execute(select(columns.row).where(columns.row_set == number)).scalars())}


def _add_with_rows(connection: Connection, table: Table, row: RowOf) -> None:
    plain = {key: value for key, value in row.items() if key != "rows"}
    add_once(connection, table, plain | {"row_set": set_of(connection, row["rows"]) if "rows" in row else None})


def _keep_climb(connection: Connection, parcel: Parcel, ref: str) -> list[str]:
    """Keeps the record of a climb, unless there is one of that climb; then what differs is told."""
    climb, there = parcel.version.evidence.climb, parcel.version.ref
    known = _rows(connection, tables.facts, climb=climb) if climb else []
    if known:
        mine, theirs = _registered(known), _registered(parcel.facts)
        if mine and theirs and mine != theirs:
            return [
                f"the climb {climb[:12]} was made here too, and {mine[:12]} passed: why {ref} passed is told where it came from"
            ]
        return []
    finished = any(row["key"] == NAMES_IT[1] for row in parcel.facts)  # another could not be gone on with here
    for row in parcel.climbs if finished else ():
        add_once(connection, tables.climbs, row)
    for row in parcel.facts if finished else ():
        said = row["payload"] if row["key"] not in NAMES_IT else _renamed(row["payload"], there, ref)
        connection.execute(insert(tables.facts), {**row, "payload": said})
    for row in parcel.charges:
        _add_with_rows(connection, tables.charges, row)
    for row in parcel.tests:
        add_once(connection, tables.tests, row)
    return []


def _registered(facts: Sequence[RowOf]) -> str:
    """The id of what a climb registered; "" where it has registered nothing."""
    said = [json.loads(row["payload"]) for row in facts if row["key"] == NAMES_IT[0]]
    return str(said[-1].get("candidate", "")) if said else ""


def _renamed(payload: str, there: str, here: str) -> str:
    """A fact that names what was registered, by what that is called here."""
    said = json.loads(payload)
    return canonical_json(said | {"version": here}) if said.get("version") == there else payload
