"""The journal of servers as a chain: each server has a segment, in which its rows are numbered and hold the digest of all before.

A server that is there gives signs of life. How far a segment goes (so many rows, and the digest of them) is put into the audit as a
seal, every few seconds and when the server ends; one that died is sealed by the next.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from rung.json_form import canonical_json
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.processes import Process, runs
from rung.registry.served_tables import CHAINED, seals, segments, serving
from rung.registry.servers import clock

SEGMENT, SEAL = "segment", "seal"  # the kinds of lines in the audit
STALE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Head:
    """How far a segment goes: `rows`, the last of which has the digest `link`; `sealed` of them are in the audit."""

    segment: str
    rows: int = 0
    link: str = ""
    sealed: int = 0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that has entered itself, since when (ISO 8601, UTC), and the seconds since its last sign of life."""

    segment: str
    process: Process
    version: str
    since: str
    silent_s: float

    @property
    def alive(self) -> bool:
        """Whether it is still there, as far as can be told from here."""
        known = runs(self.process)
        return self.silent_s < STALE_S if known is None else known


class Segments:
    """The segments of one RUNG_HOME. All but `begin`, `all` and `left` is done in a transaction of the caller's."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def begin(self, process: Process, version: str) -> Head:
        """A segment of its own for a server."""
        name = "serve-" + secrets.token_hex(8)
        row = {"id": name, "host": process.host, "pid": process.pid, "version": version}
        with self._database.writing() as connection:
            connection.execute(insert(segments), row | {"created": now()})
            self._audit.append(SEGMENT, name, row)
            here = {"segment": name, "pid": process.pid, "host": process.host, "started": process.started, "version": version}
            connection.execute(insert(serving), here | {"since": now(), "beat": clock(connection)})
        return Head(segment=name)

    def beat(self, head: Head) -> bool:
        """A sign of life; False where another server has taken this one for dead and sealed its segment."""
        with self._database.writing() as connection:
            changed = update(serving).where(serving.c.segment == head.segment).values(beat=clock(connection))
            return connection.execute(changed).rowcount == 1

    def holds(self, head: Head) -> bool:
        """Whether this server is entered yet."""
        with self._database.writing() as connection:
            return connection.execute(select(serving.c.pid).where(serving.c.segment == head.segment)).first() is not None

    def add(self, head: Head, table: Table, row: Mapping[str, Any]) -> Head:
        """Adds a row behind the head; gives the head that it makes."""
        place = head.rows + 1
        whole = {**row, "segment": head.segment, "place": place, "created": now()}
        link = link_of(head.link, table, whole)
        with self._database.writing() as connection:
            connection.execute(insert(table), whole | {"link": link})
        return replace(head, rows=place, link=link)

    def seal(self, head: Head, *, closed: bool = False) -> Head:
        """Puts into the audit how far a segment goes."""
        if head.rows == head.sealed and not closed:
            return head
        row = {"segment": head.segment, "rows": head.rows, "link": head.link, "closed": int(closed)}
        with self._database.writing() as connection:
            connection.execute(insert(seals), row | {"created": now()})
            self._audit.append(SEAL, f"{head.segment}:{head.rows}", row)
            if closed:
                connection.execute(delete(serving).where(serving.c.segment == head.segment))
        return replace(head, sealed=head.rows)

    def is_closed(self, segment: str) -> bool:
        """Whether a seal closes it."""
        with self._database.writing() as connection:
            wanted = select(seals.c.seq).where(seals.c.segment == segment, seals.c.closed == 1)
            return connection.execute(wanted).first() is not None

    def head(self, segment: str) -> Head:
        """How far a segment goes by what is stored."""
        with self._database.reading() as connection:
            last = [_last(connection, table, segment) for table in CHAINED]
            sealed = connection.execute(select(func.max(seals.c.rows)).where(seals.c.segment == segment)).scalar()
        rows, link = max([*filter(None, last), (0, "")])
        return Head(segment=segment, rows=rows, link=link, sealed=sealed or 0)

    def all(self) -> list[Server]:
        """The servers that are entered, the first one first; some may be dead."""
        with self._database.reading() as connection:
            moment = clock(connection)
            return [_server(row, moment) for row in connection.execute(select(serving).order_by(serving.c.since)).all()]

    def left(self) -> list[str]:
        """Segments of servers that died, and that no seal closes."""
        alive = {server.segment for server in self.all() if server.alive}
        ended = select(seals.c.segment).where(seals.c.closed == 1)
        wanted = select(segments.c.id).where(segments.c.id.not_in(ended)).order_by(segments.c.seq)
        return [row.id for row in self._database.rows(wanted) if row.id not in alive]


def link_of(before: str, table: Table, row: Mapping[str, Any]) -> str:
    """The digest of a row and all before it: SHA-256 over the link before and the row's canonical JSON, with its table's name."""
    told = {name: row[name] for name in row if name not in ("seq", "link")}
    return hashlib.sha256(f"{before}\n{canonical_json([table.name, told])}".encode()).hexdigest()


def segment_of(row: Any) -> tuple[str, Mapping[str, Any]]:
    """What a line of the audit says of a segment."""
    return row.id, {name: getattr(row, name) for name in ("id", "host", "pid", "version")}


def seal_of(row: Any) -> tuple[str, Mapping[str, Any]]:
    """What a line of the audit says of a seal."""
    return f"{row.segment}:{row.rows}", {name: getattr(row, name) for name in ("segment", "rows", "link", "closed")}


def _last(connection: Connection, table: Table, segment: str) -> tuple[int, str] | None:
    wanted = select(table.c.place, table.c.link).where(table.c.segment == segment).order_by(table.c.place.desc()).limit(1)
    row = connection.execute(wanted).first()
    return (row.place, row.link) if row is not None else None


def _server(row: Any, moment: float) -> Server:
    process = Process(pid=row.pid, host=row.host, started=row.started)
    return Server(segment=row.segment, process=process, version=row.version, since=row.since, silent_s=moment - row.beat)
