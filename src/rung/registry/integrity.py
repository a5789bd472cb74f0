"""Whether the history is what was written: the chain, its heads, and every row that the audit speaks of. A fault is a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, select

from rung.json_form import digest
from rung.registry import held, served_tables, serving, sessions, tables
from rung.registry.api_keys import API_KEY, ENDED, ending_of
from rung.registry.api_keys import told_of as told_of_key
from rung.registry.chain import BEGINNING, CLOCK, Line, line_of
from rung.registry.endings import Ending
from rung.registry.heads import HEAD, Head
from rung.registry.keys import KEY, Identity
from rung.registry.locks import LOCKED, told_of
from rung.registry.origins import RECEIVED, Origins
from rung.registry.others import KNOWN, Others
from rung.registry.rollouts import ROLLOUT, event_of
from rung.registry.rollouts import told_of as told_of_event
from rung.registry.segments import SEAL, SEGMENT, seal_of, segment_of
from rung.registry.served_faults import served_faults, served_remarks
from rung.registry.tenants import TENANT
from rung.registry.tenants import told_of as told_of_tenant

if TYPE_CHECKING:
    from rung.registry.audit import Audit
    from rung.registry.db import Database
    from rung.registry.keys import Keys

FOUND, REGISTERED = "found", "register"
MOVES = ("promote", "rollback", "set", "break-glass", "remove")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A table whose rows stand in the audit: the kinds of their lines, and what of a row does (its line's subject and payload)."""

    table: Table
    kinds: tuple[str, ...]
    told: Callable[[Any], tuple[str, Mapping[str, Any]]]


def _version(row: Any) -> tuple[str, Mapping[str, Any]]:
    evidence = json.loads(row.evidence)
    return f"{row.name}@{row.version}", {
        "name": row.name,
        "version": row.version,
        "candidate": row.candidate,
        "evidence": evidence,
    }


def _signed(row: Any) -> tuple[str, Mapping[str, Any]]:
    return f"{row.name}@{row.version}", {"digest": row.digest, "signer": row.signer}


def _key(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.name, {"name": row.name, "kind": row.kind, "fingerprint": row.fingerprint, "public": row.public}


def _move(row: Any) -> tuple[str, Mapping[str, Any]]:
    names = ("name", "alias", "version", "generation", "kind", "reason", "receipt", "created")
    return f"{row.name}@{row.alias}", {"by": row.who, **{name: getattr(row, name) for name in names}}


def _lock(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.task, told_of(row._mapping)


def _origin(row: Any) -> tuple[str, Mapping[str, Any]]:
    return f"{row.name}@{row.version}", {name: getattr(row, name) for name in ("name", "version", "line", "home", "ref")}


def _other(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.fingerprint, {name: getattr(row, name) for name in ("fingerprint", "kind", "name", "home", "public")}


def _rollout(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.rollout, told_of_event(event_of(row))


def _tenant(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.tenant, told_of_tenant(row._mapping)


def _api_key(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.id, told_of_key(row._mapping)


def _api_key_end(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.key, ending_of(row._mapping)


def _rules(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.subject, serving.told_of(row._mapping)


def _held(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.id, held.told_of(row._mapping)


def _held_event(row: Any) -> tuple[str, Mapping[str, Any]]:
    return row.held, held.moved(row._mapping)


def _session(row: Any) -> tuple[str, Mapping[str, Any]]:
    return sessions.subject_of(row._mapping), sessions.told_of(row._mapping)


KEPT = (
    Kept(table=tables.names, kinds=(FOUND, REGISTERED), told=_version),
    Kept(table=tables.alias_moves, kinds=MOVES, told=_move),
    Kept(table=tables.identities, kinds=(KEY,), told=_key),
    Kept(table=tables.locks, kinds=(LOCKED,), told=_lock),
    Kept(table=tables.receipts, kinds=("receipt",), told=_signed),
    Kept(table=tables.approvals, kinds=("approval",), told=_signed),
    Kept(table=tables.origins, kinds=(RECEIVED,), told=_origin),
    Kept(table=tables.others, kinds=(KNOWN,), told=_other),
    Kept(table=tables.rollout_events, kinds=(ROLLOUT,), told=_rollout),
    Kept(table=served_tables.tenant_changes, kinds=(TENANT,), told=_tenant),
    Kept(table=served_tables.api_keys, kinds=(API_KEY,), told=_api_key),
    Kept(table=served_tables.api_key_ends, kinds=(ENDED,), told=_api_key_end),
    Kept(table=served_tables.segments, kinds=(SEGMENT,), told=segment_of),
    Kept(table=served_tables.seals, kinds=(SEAL,), told=seal_of),
    Kept(table=tables.serving_rules, kinds=(serving.RULES,), told=_rules),
    Kept(table=tables.held_calls, kinds=(held.HELD,), told=_held),
    Kept(table=tables.held_events, kinds=(held.MOVED,), told=_held_event),
    Kept(table=tables.stack_sessions, kinds=(sessions.SWITCHED,), told=_session),
)


class Integrity:
    """Checks of one RUNG_HOME's history, from what stands in its database and beside it."""

    def __init__(self, database: Database, keys: Keys, audit: Audit) -> None:
        self._database, self._keys, self._audit = database, keys, audit

    def faults(self) -> list[str]:
        """All that is not as it was written; nothing where the history holds."""
        stored = self._audit.stored()
        lines, unread = _read(stored)
        found = [*unread, *chain_faults(lines), *self._head_faults(lines)]
        for kept in KEPT:
            found += _row_faults(kept, self._database.rows(select(kept.table).order_by(kept.table.c.seq)), lines)
        found += self._key_faults()
        others = {name: other.identity for name, other in Others(self._database, self._keys).by_fingerprint().items()}
        found += Origins(self._database, self._audit).faults({**others, **self._keys.by_fingerprint()})
        return [*found, *self._candidate_faults(), *served_faults(self._database)]

    def remarks(self) -> list[str]:
        """What is told of the audit beside: where the clock went back, and where another verifier than the first began to sign."""
        ended, verifiers = self._keys.endings(), [one for one in self._keys.all() if one.kind == "verifier"]
        follows = {ending.successor for ending in ended.values()}
        others = [one for number, one in enumerate(verifiers) if number and one.fingerprint not in follows]
        return [
            *[
                f"{one.name} signs since {one.created[:16]} as well: whoever used the home then did not have the first one's key"
                for one in others
                if not any(before.fingerprint in ended for before in verifiers[: verifiers.index(one)])
            ],
            *[self._said_of(one, ended[one.fingerprint]) for one in self._keys.all() if one.fingerprint in ended],
            *self._clocks(),
            *served_remarks(self._database),
        ]

    def _said_of(self, one: Identity, ending: Ending) -> str:
        """What the end of a key leaves in doubt."""
        said = f"the key of {one.name} {ending.said}"
        if not ending.since or one.kind != "verifier":
            return said
        doubtful = [
            line.number for line in _read(self._audit.stored())[0] if line.created >= ending.since and line.number < ending.line
        ]
        return (
            f"{said}: lines {doubtful[0]} to {doubtful[-1]} of the audit are as it was when the next one began"
            if doubtful
            else said
        )

    def _clocks(self) -> list[str]:
        return [
            f"the clock went back before line {line.number + 1} of the audit: to {line.payload.get('clock')}, behind {line.created}"
            for line in _read(self._audit.stored())[0]
            if line.kind == CLOCK
        ]

    def _head_faults(self, lines: Sequence[Line]) -> Iterator[str]:
        known, heads, by_number = self._keys.by_fingerprint(), self._audit.heads(), {line.number: line for line in lines}
        ended = self._keys.endings()
        for head in heads:
            yield from _head_fault(head, by_number, known, "a signed head")
            if (ending := ended.get(head.signer)) and head.lines >= ending.line:
                yield f"a signed head of {head.lines} lines is signed by {known[head.signer].name}, whose key {ending.said}"
        signed = max((head.lines for head in heads), default=0)
        yield from (
            f"line {line.number} of the audit ({line.kind} {line.subject}) is under no signed head"
            for line in lines
            if line.number > signed and line.kind != FOUND
        )
        try:
            beside = self._audit.published()
        except ValueError as error:
            yield str(error)
            return
        if beside is not None:
            yield from _head_fault(beside, by_number, known, "audit.head")
        elif heads:
            yield "audit.head is gone, which says how far the audit goes"

    def _key_faults(self) -> Iterator[str]:
        for identity in self._keys.all():
            if identity.computed != identity.fingerprint:
                yield f"the public key of {identity.name} was changed: it has another fingerprint"

    def _candidate_faults(self) -> Iterator[str]:
        columns = tables.candidates.c
        for row in self._database.rows(select(columns.id, columns.fields)):
            try:
                name = digest(json.loads(row.fields))
            except ValueError:
                name = ""
            if name != row.id:
                yield f"the candidate {row.id[:12]} was changed: its fields have another digest"


def _read(stored: Sequence[Any]) -> tuple[list[Line], list[str]]:
    lines, faults = [], []
    for row in stored:
        try:
            lines.append(line_of(row))
        except ValueError:
            faults.append(f"line {row.seq} of the audit ({row.kind} {row.subject}) was changed: it cannot be read")
    return lines, faults


def chain_faults(lines: Sequence[Line]) -> Iterator[str]:
    """Lines that were changed, taken out, put in, or bear an earlier moment than the line before."""
    previous: Line | None = None
    for line in lines:
        called = f"line {line.number} of the audit ({line.kind} {line.subject})".replace(" )", ")")
        before = previous.number if previous else 0
        if line.number != before + 1:
            missing = range(before + 1, line.number)
            yield (
                f"the audit lacks line {missing[0]}"
                if len(missing) == 1
                else f"the audit lacks lines {missing[0]} to {missing[-1]}"
            )
        elif line.previous != (previous.digest if previous else BEGINNING):
            yield f"{called} does not follow on line {before}"
        if line.computed != line.digest:
            yield f"{called} was changed: it has another digest"
        if previous is not None and line.created < previous.created:
            yield f"{called} says that it is older than the line before"
        previous = line


def _head_fault(head: Head, lines: Mapping[int, Line], known: Mapping[str, Identity], called: str) -> Iterator[str]:
    signer = known.get(head.signer)
    if signer is None or signer.kind != "verifier" or not signer.signed(HEAD, head.document, head.signature):
        yield f"{called} (of {head.lines} lines) does not have the verifier's signature"
        return
    found = lines.get(head.lines)
    if found is None:
        yield f"the audit was cut short: {called} is of {head.lines} lines, and there are {max(lines, default=0)}"
    elif found.digest != head.digest:
        yield f"the audit was rewritten: {called} of {head.lines} lines is of others"


def _row_faults(kept: Kept, rows: Sequence[Any], lines: Sequence[Line]) -> Iterator[str]:
    """Rows that the audit does not know so, and lines whose row is gone."""
    by_subject: dict[str, list[Line]] = {}
    for line in lines:
        if line.kind in kept.kinds:
            by_subject.setdefault(line.subject, []).append(line)
    seen: set[int] = set()
    for row in rows:
        try:
            subject, payload = kept.told(row)
        except ValueError:
            yield f"row {row.seq} of {kept.table.name} was changed: it cannot be read"
            continue
        of_it = by_subject.get(subject, [])
        fitting = [line for line in of_it if dict(line.payload) == dict(payload)]
        seen |= {line.number for line in (fitting or of_it)}
        if not of_it:
            yield f"{subject} in {kept.table.name} is not in the audit: it was put in, or changed"
        elif not fitting:
            yield f"{subject} in {kept.table.name} was changed: line {of_it[-1].number} of the audit says something else"
    for of_it in by_subject.values():
        for line in of_it:
            if line.number not in seen:
                yield f"{line.subject} is gone from {kept.table.name}: line {line.number} of the audit knows it"
