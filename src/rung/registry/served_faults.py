"""Whether the journal of servers is what was written: its segments as chains, up to the seals that the audit has. A fault is a
sentence, and names the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from heapq import merge
from typing import Any

from sqlalchemy import Connection, Table, select

from rung.json_form import digest
from rung.registry.db import Database
from rung.registry.segments import link_of
from rung.registry.served_tables import CHAINED, feedback, seals, segments, served, served_ends, served_makings

WHAT = {served.name: "the beginning of", served_ends.name: "the end of", feedback.name: "the feedback"}
AT_ONCE = 1_000


def served_faults(database: Database) -> list[str]:
    """All that is not as it was written. Reads the whole journal."""
    with database.reading() as connection:
        known = connection.execute(select(segments.c.id).order_by(segments.c.seq)).scalars().all()
        found = [*_makings(connection), *_strangers(connection, set(known))]
        for segment in known:
            found += _segment(connection, segment)
        return found


def served_remarks(database: Database) -> list[str]:
    """What is told of the journal beside: rows of servers that died, which no seal covers yet."""
    with database.reading() as connection:
        sealed: dict[str, int] = {}
        closed: set[str] = set()
        for row in connection.execute(select(seals.c.segment, seals.c.rows, seals.c.closed)):
            sealed[row.segment] = max(sealed.get(row.segment, 0), row.rows)
            closed |= {row.segment} if row.closed else set()
        known = connection.execute(select(segments.c.id).order_by(segments.c.seq)).scalars().all()
        open_ones = {name: _most(connection, name) - sealed.get(name, 0) for name in known if name not in closed}
    return [
        f"{rows:,} rows of the journal ({name}) are not in the audit yet: their server puts them there in seconds, or the next does"
        for name, rows in open_ones.items()
        if rows > 0
    ]


def _most(connection: Connection, segment: str) -> int:
    tops = [
        connection.execute(select(table.c.place).where(table.c.segment == segment).order_by(table.c.place.desc()).limit(1)).scalar()
        for table in CHAINED
    ]
    return max([top or 0 for top in tops])


def _segment(connection: Connection, segment: str) -> Iterator[str]:
    """Rows of one segment that were changed, taken out or put in; and what its seals say otherwise."""
    wanted = select(seals.c.rows, seals.c.link, seals.c.closed).where(seals.c.segment == segment).order_by(seals.c.seq)
    said = connection.execute(wanted).all()
    links, sealed = {row.rows: row.link for row in said}, [0]
    place, link, before = 0, "", "the segment's beginning"
    for table, row in _rows(connection, segment):
        called = f"{WHAT[table.name]} {row['id']}"
        if row["place"] <= place:
            yield f"{called} was put into the journal: another row has its place ({segment}, {row['place']})"
            continue
        if row["place"] > place + 1:
            yield _gone(segment, place + 1, row["place"] - 1, before, called)
        elif link_of(link, table, row) != row["link"]:
            yield f"{called} was changed in the journal ({segment}, {row['place']}), or, with its own digest, {before} was"
        place, link, before = row["place"], row["link"], called
        if place in links:
            if links[place] != link:
                yield f"rows {sealed[-1] + 1} to {place} of the journal ({segment}) were rewritten: the audit says another digest"
            sealed.append(place)
    most = max(links, default=0)
    if most > place:
        yield _gone(segment, place + 1, most, before, "")
    if place > most and any(row.closed for row in said):
        yield f"rows {most + 1} to {place} of the journal ({segment}) were put in: its server had ended with {most}"


def _gone(segment: str, first: int, last: int, before: str, after: str) -> str:
    which = f"row {first} is" if first == last else f"rows {first} to {last} are"
    between = f"between {before} and {after}" if after else f"behind {before}"
    return f"{which} gone from the journal ({segment}), {between}"


def _rows(connection: Connection, segment: str) -> Iterator[tuple[Table, dict[str, Any]]]:
    """The rows of a segment's tables by their places, read a few at a time."""
    ways = [_of(connection, table, segment) for table in CHAINED]
    yield from merge(*ways, key=lambda entry: entry[1]["place"])


def _of(connection: Connection, table: Table, segment: str) -> Iterator[tuple[Table, dict[str, Any]]]:
    last = -(2**31)
    while True:
        wanted = select(table).where(table.c.segment == segment, table.c.place > last).order_by(table.c.place).limit(AT_ONCE)
        rows = connection.execute(wanted).all()
        for row in rows:
            yield table, dict(row._mapping)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].place


def _makings(connection: Connection) -> Iterator[str]:
    """What answers were made with, where it is not what its digest is of, or gone."""
    known = set()
    for row in connection.execute(select(served_makings.c.digest, served_makings.c.body)):
        known.add(row.digest)
        try:
            same = digest(json.loads(row.body)) == row.digest
        except ValueError:
            same = False
        if not same:
            yield f"what answers were made with ({row.digest[:12]}) was changed in the journal: it has another digest"
    for name in connection.execute(select(served.c.making).where(served.c.making != "").distinct()).scalars():
        if name not in known:
            yield f"what answers were made with ({name[:12]}) is gone from the journal"


def _strangers(connection: Connection, known: set[str]) -> Iterator[str]:
    """Rows of segments that no server began."""
    for table in CHAINED:
        for name in connection.execute(select(table.c.segment).distinct()).scalars().all():
            if name not in known:
                rows = connection.execute(select(table.c.id).where(table.c.segment == name).limit(3)).scalars().all()
                yield f"{WHAT[table.name]} {', '.join(rows)} was put into the journal: no server began {name}"
