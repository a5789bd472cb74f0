"""The ledger of the locked rows: which were looked at, for whom, and what of alpha each climb on them was charged.

A row is known by what it asks (`climb.ledger.row_key`), so that a task by another name, with another instruction or another
sample of the same file, meets the rows that it has in common with those before it. Climbs on rows that overlap are numbered in the
order in which they first came to the gate; what each may spend follows from its number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from rung.json_form import digest
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.servers import add_once

# Names in one query; SQLite takes some thousands.
CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Look:
    """A Candidate's (id) first `n` test rows of a task (digest) have been looked at.

    `known` says whether it is known which rows they were: looks that were written down before step s005 do not say.
    """

    task: str
    candidate: str
    n: int
    created: str
    known: bool


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """What is measured on which rows in which order (`key`, a digest), and what each bar asks of it: a greater number is harder."""

    key: str
    lines: tuple[float, ...]

    def below(self, lines: Sequence[float]) -> bool:
        """Whether no bar stands higher than in `lines`."""
        return all(line <= was for line, was in zip(self.lines, lines, strict=True))


@dataclass(frozen=True, kw_only=True)
class Gauged:
    """A gauge put to someone: `key` is the digest of who."""

    gauge: Gauge
    key: str


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a climb may spend, and the part of it that one test does."""

    alpha: float
    part: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What was charged so far on rows that overlap a given set.

    climbs  how many climbs (or evaluations on test) were charged
    spent   their alpha together: the chance that any of them passed something wrongly is at most that
    seen    how many of the rows were among theirs
    """

    climbs: int
    spent: float
    seen: int


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A climb's number on its rows, the alpha that it may spend, and how its rows stood before."""

    number: int
    alpha: float
    before: Standing


class Looks:
    """The ledger of one RUNG_HOME. A task's rows are given by their keys, in any order; what is the same is told once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, rows: Sequence[str]) -> Standing:
        """What climbs were charged on rows that overlap these."""
        with self._database.reading() as connection:
            return _standing(connection, rows, None)

    def met(self, rows: Sequence[str]) -> list[set[str]]:
        """For each set of rows that a climb was charged for and that has some of these: which; the fewest first."""
        with self._database.reading() as connection:
            overlaps, columns = _overlaps(connection, rows), tables.charges.c
            charged = connection.execute(select(columns.row_set).where(columns.row_set.in_(sorted(overlaps))).distinct()).scalars()
            return sorted((overlaps[number] for number in charged), key=lambda met: (len(met), sorted(met)))

    def charge(self, test: Gauged, climb: str, rows: Sequence[str], grant: Callable[[int], Grant]) -> float:
        """Writes down a test before it is made, and gives its part of `grant(number)`, by the climb's (id) number on its rows.

        A climb's first test gives it the next number; one that has a number keeps it. All in one transaction: two climbs that come
        to the gate at once get two numbers, and one that was killed is charged once.
        """
        with self._database.writing() as connection:
            found = _charge_of(connection, climb)
            number = found.number if found else _standing(connection, rows, None).climbs + 1
            if found is None:
                row = {"climb": climb, "row_set": set_of(connection, rows), "number": number, "alpha": grant(number).alpha}
                connection.execute(insert(tables.charges), row | {"created": now()})
            part, lines = grant(number).part, json.dumps(list(test.gauge.lines))
            entry = {"gauge": test.gauge.key, "test": test.key, "lines": lines, "climb": climb, "alpha": part}
            add_once(connection, tables.tests, entry | {"created": now()})
        return part

    def charged(self, climb: str, rows: Sequence[str]) -> Charge | None:
        """What a climb (id) was charged for its rows; None before its first test."""
        with self._database.reading() as connection:
            found = _charge_of(connection, climb)
            before = _standing(connection, rows, found.seq) if found else None
        return Charge(number=found.number, alpha=found.alpha, before=before) if before else None

    def level(self, test: Gauged, climb: str | None = None) -> float | None:
        """The alpha that was charged for this test (by that climb), with bars that stood no lower; None where it was not made.

        Its bounds hold for all lower bars at once, so that asking again costs nothing.
        """
        rows = [row for row in self._tests(test.gauge) if row.test == test.key and climb in (None, row.climb)]
        return max((row.alpha for row in rows), default=None)

    def has_made(self, gauge: Gauge) -> bool:
        """Whether anyone was measured so, with no lower bar."""
        return bool(self._tests(gauge))

    def add(self, task: str, candidate: str, n: int, rows: Sequence[str]) -> None:
        """Writes down a look at the first n of a task's (digest) test rows, which are all given; the same look is told once."""
        with self._database.writing() as connection:
            row = {"task": task, "candidate": candidate, "n": n, "row_set": set_of(connection, rows), "created": now()}
            add_once(connection, tables.looks, row)

    def at(self, rows: Sequence[str]) -> list[Look]:
        """The looks at rows that overlap these, by whichever task; oldest first."""
        with self._database.reading() as connection:
            met = sorted(_overlaps(connection, rows))
            columns = tables.looks.c
            wanted = select(tables.looks).where(columns.row_set.in_(met)).order_by(columns.seq)
            return [_look(row) for row in connection.execute(wanted)]

    def of(self, task: str) -> list[Look]:
        """The looks at a task's (digest) test split; oldest first."""
        columns = tables.looks.c
        return [_look(row) for row in self._database.rows(select(tables.looks).where(columns.task == task).order_by(columns.seq))]

    def _tests(self, gauge: Gauge) -> list[Any]:
        columns = tables.tests.c
        wanted = select(columns.test, columns.lines, columns.alpha, columns.climb)
        stored = self._database.rows(wanted.where(columns.gauge == gauge.key))
        return [row for row in stored if gauge.below(json.loads(row.lines))]

    def unknown(self, name: str) -> int:
        """How many looks there were at tasks of this name of which it is not known at which rows."""
        looks, tasks = tables.looks.c, tables.tasks.c
        wanted = select(tasks.summary).join_from(tables.looks, tables.tasks, tasks.digest == looks.task)
        found = self._database.rows(wanted.where(looks.row_set.is_(None)))
        return sum(json.loads(row.summary)["name"] == name for row in found)


def _look(row: Any) -> Look:
    return Look(task=row.task, candidate=row.candidate, n=row.n, created=row.created, known=row.row_set is not None)


def _charge_of(connection: Connection, climb: str) -> Any:
    return connection.execute(select(tables.charges).where(tables.charges.c.climb == climb)).first()


def _standing(connection: Connection, rows: Sequence[str], until: int | None) -> Standing:
    """Before the charge numbered `until`, or now."""
    overlaps = _overlaps(connection, rows)
    columns = tables.charges.c
    wanted = select(columns.row_set, columns.alpha).where(columns.row_set.in_(sorted(overlaps)))
    found = list(connection.execute(wanted if until is None else wanted.where(columns.seq < until)))
    seen = set[str]().union(*(overlaps[row.row_set] for row in found))
    return Standing(climbs=len(found), spent=math.fsum(row.alpha for row in found), seen=len(seen))


def _overlaps(connection: Connection, rows: Sequence[str]) -> dict[int, set[str]]:
    """Each set that has rows in common with these, and which."""
    columns = tables.locked_rows.c
    found: dict[int, set[str]] = {}
    for part in _chunks(sorted(set(rows))):
        for row in connection.execute(select(columns.row, columns.row_set).where(columns.row.in_(part))):
            found.setdefault(row.row_set, set()).add(row.row)
    return found


def set_of(connection: Connection, rows: Sequence[str]) -> int:
    """The number of the set of these rows, which is stored once."""
    members = sorted(set(rows))
    name, columns = digest(members), tables.row_sets.c
    known: int | None = connection.execute(select(columns.seq).where(columns.digest == name)).scalar()
    if known is not None:
        return known
    connection.execute(insert(tables.row_sets), {"digest": name, "n": len(members), "created": now()})
    seq: int = connection.execute(select(columns.seq).where(columns.digest == name)).scalar_one()
    for part in _chunks(members):
        connection.execute(insert(tables.locked_rows), [{"row": row, "row_set": seq} for row in part])
    return seq


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))
