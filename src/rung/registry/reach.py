"""What of the store the history needs, what it holds on to for a while, and what it names and needs no more.

needed  what a version is made of, the answers that its receipts are of, and every Run of its Candidate: for ever
held    what a climb that is under way, unfinished or lately ended names; the answers that any climb's record names, so that it can
        be told again; what was built or answered lately; and every digest in a table that is not known here, so that whatever keeps
        digests of its own loses nothing
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Text, inspect, select, text

from rung.registry import records, tables
from rung.registry.db import Database
from rung.types import Candidate, batches

DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# Whose rows are looked at one by one, name no blob, or say what is gone already.
LOOKED_AT = ("candidates", "runs", "facts", "climbs", "answers", "names", "grounds")
WITHOUT = (
    *("looks", "tests", "charges", "row_sets", "locked_rows", "tasks", "removed", "migrations", "api_keys", "segments", "seals"),
    *("served", "served_ends", "served_makings", "served_texts", "feedback", "serving", "spending", "put_aside"),
)
IN_ONE_SELECT = 900


class Reach:
    """What the history of one RUNG_HOME reaches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def needed(self) -> dict[str, str]:
        """Each blob that a version needs, and whose it is: `tone@3`, `the answers of tone@3`."""
        found: dict[str, str] = {}
        names, runs = tables.names.c, tables.runs.c
        with self._database.reading() as connection:
            for ref, candidate in _versions(connection):
                for digest in candidate.artefacts:
                    found.setdefault(digest, ref)
            for row in connection.execute(select(tables.receipts)):
                run = _read(row.body).get("run")
                if run:
                    found.setdefault(run, f"the answers of {row.name}@{row.version}")
            for row in connection.execute(select(tables.locks)):
                found |= {name: f"what was kept of the task {row.task[:12]}" for name in (row.blob, row.rows) if name not in found}
            wanted = select(runs.blob, names.name, names.version).join(tables.names, names.candidate == runs.candidate)
            for row in connection.execute(wanted.order_by(names.seq)):
                found.setdefault(row.blob, f"the answers of {row.name}@{row.version}")
        return found

    def ids(self) -> set[str]:
        """The ids under which answers of versions are kept."""
        with self._database.reading() as connection:
            return {name for _, candidate in _versions(connection) for name in (candidate.id, candidate.asked.id)}

    def held(self, since: str, climbs: Iterable[str] = (), *, abandoned: bool = False) -> set[str]:
        """Digests that are held on to: of blobs, and of all else that has one.

        since      the moment (ISO 8601) since which what was written is held
        climbs     ids of those that are under way
        abandoned  whether unfinished climbs that have found nothing since then are let go as well
        """
        with self._database.reading() as connection:
            found = set(_elsewhere(connection))
            for climb in {*climbs, *_going_on(connection, since, abandoned=abandoned)}:
                wanted = select(tables.facts.c.payload).where(tables.facts.c.climb == climb)
                found |= {name for said in connection.execute(wanted).scalars() for name in DIGEST.findall(said)}
            found |= _recorded(connection)
            runs = tables.runs.c
            for row in connection.execute(select(runs.blob, runs.candidate).where(runs.created >= since)):
                found |= {row.blob, row.candidate}
            return found | set(_built(connection, since, found))

    def named(self) -> dict[str, int]:
        """Each blob that the history names at all, and in how many rows; of those that nothing needs any more, too."""
        found: dict[str, int] = {}
        candidates, runs = tables.candidates.c, tables.runs.c
        with self._database.reading() as connection:
            for said in connection.execute(select(candidates.fields)).scalars():
                for digest in records.candidate(said).artefacts:
                    found[digest] = found.get(digest, 0) + 1
            for digest in connection.execute(select(runs.blob)).scalars():
                found[digest] = found.get(digest, 0) + 1
        return found

    def climbs_by_work(self) -> dict[str, bool]:
        """The first 16 digits of every climb's id, as its work folder is called, and whether it has ended."""
        climbs, facts = tables.climbs.c, tables.facts.c
        with self._database.reading() as connection:
            ended = set(connection.execute(select(facts.climb).where(facts.key == "document")).scalars())
            return {name[:16]: name in ended for name in connection.execute(select(climbs.climb)).scalars()}


def _versions(connection: Connection) -> Iterator[tuple[str, Candidate]]:
    names, candidates = tables.names.c, tables.candidates
    wanted = select(names.name, names.version, candidates.c.fields).join(candidates, candidates.c.id == names.candidate)
    for row in connection.execute(wanted.order_by(names.seq)):
        yield f"{row.name}@{row.version}", records.candidate(row.fields)


def _read(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _going_on(connection: Connection, since: str, *, abandoned: bool) -> Iterator[str]:
    """Climbs that have found something since a moment, and those that have not ended."""
    facts = tables.facts.c
    yield from connection.execute(select(facts.climb).where(facts.created >= since).distinct()).scalars()
    if not abandoned:
        ended = select(facts.climb).where(facts.key == "document")
        yield from connection.execute(select(facts.climb).where(facts.climb.not_in(ended)).distinct()).scalars()


def _recorded(connection: Connection) -> set[str]:
    """The answers that the records of climbs name; of the candidates that gave them only the id is kept."""
    answers = set(connection.execute(select(tables.runs.c.blob)).scalars())
    told = connection.execute(select(tables.facts.c.payload)).scalars()
    return {name for said in told for name in DIGEST.findall(said) if name in answers}


def _built(connection: Connection, since: str, named: set[str]) -> Iterator[str]:
    """The ids and blobs of Candidates that were built since a moment, or that something that is held names."""
    columns = tables.candidates.c
    fields = [*connection.execute(select(columns.fields).where(columns.created >= since)).scalars()]
    for some in batches(sorted(named), IN_ONE_SELECT):
        fields += connection.execute(select(columns.fields).where(columns.id.in_(some))).scalars()
    for said in fields:
        candidate = records.candidate(said)
        yield from (candidate.id, candidate.asked.id, *candidate.artefacts)


def _elsewhere(connection: Connection) -> Iterator[str]:
    """Every digest in the texts of all other tables, also of those that are not known here."""
    looked_at = {*LOOKED_AT, *WITHOUT}
    found = inspect(connection)
    for table in found.get_table_names():
        if table in looked_at:
            continue
        columns = [column["name"] for column in found.get_columns(table) if isinstance(column["type"], Text)]
        for column in columns:
            for said in connection.execute(text(f'SELECT "{column}" FROM "{table}"')).scalars():
                yield from DIGEST.findall(said or "")
