"""What servers answered whom with which bytes: a row when an answer begins and one when it ends, and refused attempts.

Neither holds words of a question or an answer, but their digests: of a question SHA-256 over the canonical JSON of its messages, of
an answer over its text. Words are kept beside, where an operator asks for them, in a table that is cleared by their age.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, or_, select

from rung.json_form import canonical_json, digest
from rung.registry.db import Database, now
from rung.registry.segments import Head, Segments
from rung.registry.served_tables import served, served_ends, served_makings, served_texts
from rung.registry.servers import add_once, put

UNDER_WAY, DIED, REFUSED = "under way", "died", "refused"
DIED_OF = "the server ended before the answer did"
MOST, MOST_KNOWN = 1_000, 10_000


@dataclass(frozen=True, kw_only=True)
class Making:
    """What an answer is made with: all that its fingerprint is of, and what it is called.

    adapters  (digest, weight) of each, in the order in which they are added
    parts     refs of the versions whose adapters are stacked; `task` is the digest of the lock that the version's receipt is of
    """

    ref: str
    candidate: str
    base: str
    template: str
    engine: str
    adapters: tuple[tuple[str, float], ...] = ()
    parts: tuple[str, ...] = ()
    task: str = ""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An answer that begins, or an attempt that was refused: such a one has no making. `times` counts equal attempts."""

    id: str
    tenant: str
    key: str
    endpoint: str
    model: str
    ref: str = ""
    making: Making | None = None
    fingerprint: str = ""
    rollout: str = ""
    arm: str = ""
    session: str = ""
    question: str = ""
    times: int = 1


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How an answer ended. Figures that are not known are None."""

    id: str
    ending: str
    status: int
    reason: str = ""
    fallback: str = ""
    answer: str = ""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    usd: float | None = None
    first_s: float | None = None
    latency_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ServedRow:
    """What the journal knows of one answer or attempt. `cursor` is for paging; `end` is None while it is under way."""

    cursor: int
    begun: Begun
    end: Ended | None
    server: str
    created: str
    ended: str

    @property
    def ending(self) -> str:
        """How it ended, `under way` where it has not."""
        return self.end.ending if self.end else UNDER_WAY


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for; "" leaves it open.

    tenant, key, session, rollout, arm, candidate, question and fingerprint are what they are; `adapter` and `base` begin so
    model   as it was asked for, a shell pattern
    ref     `tone` (any version), `tone@3`, or a word with `*`
    since, until  moments (ISO 8601, UTC)
    ending  one of the endings, or `under way`
    text    stands in its id, model, session, key or fingerprint
    """

    tenant: str = ""
    key: str = ""
    model: str = ""
    ref: str = ""
    since: str = ""
    until: str = ""
    ending: str = ""
    session: str = ""
    rollout: str = ""
    arm: str = ""
    fingerprint: str = ""
    adapter: str = ""
    base: str = ""
    text: str = ""


class Served:
    """The journal of one RUNG_HOME's servers."""

    def __init__(self, database: Database, segments: Segments) -> None:
        self._database, self._segments = database, segments
        self._known: dict[Making, str] = {}

    def begin(self, head: Head, begun: Begun) -> Head:
        """Adds the row of an answer that begins, in a transaction of the caller's."""
        making = self._keep(begun.making) if begun.making else ""
        row = {**_plain(begun), "making": making}
        return self._segments.add(head, served, row)

    def end(self, head: Head, ended: Ended) -> Head:
        """Adds the row of its end; nothing where it has one."""
        with self._database.writing() as connection:
            if connection.execute(select(served_ends.c.seq).where(served_ends.c.id == ended.id)).first() is not None:
                return head
            return self._segments.add(head, served_ends, _plain(ended))

    def bury(self, head: Head) -> tuple[Head, list[str]]:
        """Ends what servers that died had begun, closes their segments; gives the ids of what ended so."""
        found: list[str] = []
        for segment in self._segments.left():
            with self._database.writing() as connection:
                if self._segments.is_closed(segment):  # another server was faster
                    continue
                ends = select(served_ends.c.id).where(served_ends.c.id == served.c.id)
                wanted = select(served.c.id).where(served.c.segment == segment, ~ends.exists()).order_by(served.c.place)
                for id in connection.execute(wanted).scalars().all():
                    head = self._segments.add(head, served_ends, _plain(Ended(id=id, ending=DIED, status=0, reason=DIED_OF)))
                    found.append(id)
                self._segments.seal(self._segments.head(segment), closed=True)
        return head, found

    def keep_text(self, id: str, what: str, text: str, until: str) -> None:
        """Keeps the words of a `question` or an `answer` until a moment, in a transaction of the caller's."""
        with self._database.writing() as connection:
            put(connection, served_texts, [{"id": id, "what": what, "text": _storable(text), "kept": until}])

    def forget_texts(self, moment: str) -> int:
        """Removes words that are kept until before a moment (ISO 8601, UTC); gives how many."""
        with self._database.writing() as connection:
            return connection.execute(delete(served_texts).where(served_texts.c.kept < moment)).rowcount

    def texts(self, id: str) -> Mapping[str, str]:
        """The words that are kept of an answer: `question` (JSON of its messages) and `answer`."""
        columns = served_texts.c
        return {row.what: row.text for row in self._database.rows(select(columns.what, columns.text).where(columns.id == id))}

    def get(self, id: str) -> ServedRow | None:
        """What is known of an answer; None where there is none of this id."""
        found = self._rows(served.c.id == id)
        return found[0] if found else None

    def owner(self, id: str) -> str | None:
        """The tenant whose answer it is; None where there is none, also of refused attempts. It is one query, whatever comes."""
        wanted = select(served.c.tenant).where(served.c.id == id, served.c.making != "")
        with self._database.reading() as connection:
            tenant: str | None = connection.execute(wanted).scalar()
        return tenant

    def find(self, wanted: Wanted = Wanted(), *, before: int = 0, limit: int = 50) -> list[ServedRow]:
        """What fits, the newest first: at most `limit` (1,000) of those before a cursor."""
        with self._database.reading() as connection:
            makings = _makings(connection, wanted) if wanted.adapter or wanted.base else None
        which = list(_conditions(wanted))
        if makings is not None:
            which.append(served.c.making.in_(makings))
        if before:
            which.append(served.c.seq < before)
        return self._rows(*which, limit=min(max(limit, 1), MOST))

    def after(self, cursor: int, wanted: Wanted = Wanted(), *, limit: int = 500) -> list[ServedRow]:
        """What fits behind a cursor, the oldest first: for whoever follows it. What is under way there may end later."""
        return self._rows(served.c.seq > cursor, *_conditions(wanted), limit=limit, oldest=True)

    def making(self, digest: str) -> Making | None:
        """What is known by this digest."""
        with self._database.reading() as connection:
            return _read_makings(connection, {digest}).get(digest)

    def _rows(self, *which: ColumnElement[bool], limit: int = 1, oldest: bool = False) -> list[ServedRow]:
        order = served.c.seq if oldest else served.c.seq.desc()
        wanted = _JOINED.where(*which).order_by(order).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
            makings = _read_makings(connection, {row.making for row in rows if row.making})
        return [_row(row, makings) for row in rows]

    def _keep(self, making: Making) -> str:
        name = self._known.get(making)
        if name is None:
            if len(self._known) >= MOST_KNOWN:  # weights are clients' to choose: there is no end of them
                self._known.clear()
            body = asdict(making) | {"adapters": [list(pair) for pair in making.adapters], "parts": list(making.parts)}
            name = kept = digest(body)
            with self._database.writing() as connection:
                add_once(connection, served_makings, {"digest": kept, "body": canonical_json(body), "created": now()})
                # Known from when it is kept: the transaction that it is first told in may fail.
                self._database.once_kept(f"making {kept}", lambda: self._known.update({making: kept}))
        return name


_JOINED: Select[Any] = select(
    served,
    *[column.label(f"end_{column.name}") for column in served_ends.columns],
).outerjoin(served_ends, served_ends.c.id == served.c.id)


def _plain(value: Begun | Ended) -> dict[str, Any]:
    """The columns of a row, as the database gives them back: whole numbers stay so, all others are floats."""
    columns = _BEGUN if isinstance(value, Begun) else _ENDED
    told = {name: getattr(value, name) for name in columns}
    floats = {name: float(told[name]) for name in ("usd", "first_s", "latency_s") if told.get(name) is not None}
    return told | floats


def _storable(text: str) -> str:
    """Texts that no database refuses: half a character and NUL are not text."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    columns = served.c
    for name in ("tenant", "key", "session", "rollout", "arm", "fingerprint"):
        if value := getattr(wanted, name):
            yield columns[name] == value
    if wanted.model:
        yield _like(columns.model, wanted.model)
    if wanted.ref:
        whole = wanted.ref if "@" in wanted.ref or "*" in wanted.ref else f"{wanted.ref}@*"
        yield (columns.ref == wanted.ref) | _like(columns.ref, whole)
    if wanted.text:
        said = [_like(columns[name], f"*{wanted.text}*") for name in ("id", "model", "session", "key", "fingerprint")]
        yield or_(*said)
    if wanted.since:
        yield columns.created >= wanted.since
    if wanted.until:
        yield columns.created <= wanted.until
    if wanted.ending:
        yield served_ends.c.ending.is_(None) if wanted.ending == UNDER_WAY else served_ends.c.ending == wanted.ending


def _like(column: Any, pattern: str) -> ColumnElement[bool]:
    """Whether it fits a shell pattern of `*` and `?`, whatever its case: of that the two kinds of database think differently."""
    if not any(sign in pattern for sign in "*?"):
        return column == pattern  # type: ignore[no-any-return]
    said = "".join({"*": "%", "?": "_"}.get(sign, f"/{sign}" if sign in "%_/" else sign) for sign in pattern.lower())
    return func.lower(column).like(said, escape="/")


def _makings(connection: Connection, wanted: Wanted) -> list[str]:
    """The digests of the makings that an adapter or a base has a part in."""
    found = []
    for row in connection.execute(select(served_makings.c.digest, served_makings.c.body)):
        making = _making(row.body)
        of_adapter = not wanted.adapter or any(name.startswith(wanted.adapter) for name, _ in making.adapters)
        of_base = not wanted.base or wanted.base in making.base or fnmatchcase(making.base, wanted.base)
        if of_adapter and of_base:
            found.append(row.digest)
    return found


def _read_makings(connection: Connection, digests: set[str]) -> dict[str, Making]:
    if not digests:
        return {}
    columns = served_makings.c
    found = connection.execute(select(columns.digest, columns.body).where(columns.digest.in_(sorted(digests))))
    return {row.digest: _making(row.body) for row in found}


def _making(body: str) -> Making:
    told = json.loads(body)
    adapters = tuple((str(name), float(weight)) for name, weight in told.pop("adapters"))
    return Making(adapters=adapters, parts=tuple(told.pop("parts")), **told)


def _row(row: Any, makings: Mapping[str, Making]) -> ServedRow:
    fields = row._mapping
    begun = Begun(**{name: fields[name] for name in _BEGUN}, making=makings.get(row.making))
    end = Ended(**{name: fields[f"end_{name}"] for name in _ENDED}) if row.end_id is not None else None
    return ServedRow(cursor=row.seq, begun=begun, end=end, server=row.segment, created=row.created, ended=row.end_created or "")


_BEGUN = tuple(name for name in Begun.__dataclass_fields__ if name != "making")
_ENDED = tuple(Ended.__dataclass_fields__)
