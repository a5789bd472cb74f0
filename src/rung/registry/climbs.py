"""What each climb has found, fact by fact, so that one that was killed goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select

from rung.registry import tables
from rung.registry.db import Database
from rung.registry.facts import Facts
from rung.registry.leases import Leases


@dataclass(frozen=True, kw_only=True)
class ClimbRecord:
    """A climb that has facts: its id, the form of its record, its task's digest, when the first and the last fact was written
    (ISO 8601, UTC)."""

    climb: str
    form: int
    task: str
    started: str
    updated: str


class Climbs:
    """The climbs of one RUNG_HOME."""

    def __init__(self, database: Database, leases: Leases) -> None:
        self._database = database
        self._facts = Facts(database, leases, tables.climbs, tables.facts, "climb")

    def begin(self, climb: str, *, form: int, task: str) -> None:
        """Enters a climb of a task (digest), before its first fact; one that is known is left as it is. `form` is its record's."""
        self._database.append(tables.climbs, {"climb": climb, "form": form, "task": task})

    def put(self, climb: str, key: str, payload: Any) -> None:
        """Writes down what a climb has found; as `Facts.put`."""
        self._facts.put(climb, key, payload)

    def fact(self, climb: str, key: str) -> Any:
        """What was last said under a key; None where nothing was."""
        return self._facts.one(climb, key)

    def facts(self, climb: str) -> dict[str, Any]:
        """A climb's facts by key, in the order in which the keys were first written."""
        return self._facts.all(climb)

    def said(self, climbs: Sequence[str], key: str) -> dict[str, Any]:
        """What was last said under a key, of each of these climbs that said it."""
        return self._facts.said(climbs, key)

    def without(self, key: str) -> list[ClimbRecord]:
        """The climbs that have facts, and none under this key; the last one started is last."""
        columns = tables.facts.c
        return self._records(~tables.climbs.c.climb.in_(select(columns.climb).where(columns.key == key)))

    def all(self) -> list[ClimbRecord]:
        """The climbs that have facts; the last one started is last."""
        return self._records()

    def _records(self, *which: ColumnElement[bool]) -> list[ClimbRecord]:
        facts, climbs = tables.facts.c, tables.climbs.c
        started, updated = func.min(facts.created).label("started"), func.max(facts.created).label("updated")
        wanted = (
            select(climbs.climb, climbs.form, climbs.task, started, updated)
            .join(tables.facts, facts.climb == climbs.climb)
            .where(*which)
            .group_by(climbs.climb, climbs.form, climbs.task)
            .order_by(func.min(facts.seq))
        )
        return [ClimbRecord(**row._mapping) for row in self._database.rows(wanted)]
