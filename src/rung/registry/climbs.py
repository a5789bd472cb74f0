"""What each climb has found, fact by fact, so that one that was killed goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select

from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.leases import Leases
from rung.registry.servers import IN_ONE_SELECT
from rung.types import batches


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
        self._database, self._leases = database, leases

    def begin(self, climb: str, *, form: int, task: str) -> None:
        """Enters a climb of a task (digest), before its first fact; one that is known is left as it is. `form` is its record's."""
        self._database.append(tables.climbs, {"climb": climb, "form": form, "task": task})

    def put(self, climb: str, key: str, payload: Any) -> None:
        """Writes down what a climb has found. Saying a key anew adds to the history; `facts` gives what was said last.

        Raises UserError where this home held the climb's lease and another process has taken it over.
        """
        text = canonical_json(payload)
        with self._database.writing() as connection:
            self._leases.check(connection, climb)
            if not connection.execute(select(tables.climbs.c.seq).where(tables.climbs.c.climb == climb)).first():
                raise RuntimeError(f"climb {climb[:12]} has not begun: home.climbs.begin(...) comes before its first fact")
            known = connection.execute(_last_said(climb, key)).first()
            if known is None or known.payload != text:
                row = {"climb": climb, "key": key, "payload": text, "created": now()}
                connection.execute(insert(tables.facts), row)

    def fact(self, climb: str, key: str) -> Any:
        """What was last said under a key; None where nothing was."""
        found = self._database.rows(_last_said(climb, key))
        return json.loads(found[0].payload) if found else None

    def facts(self, climb: str) -> dict[str, Any]:
        """A climb's facts by key, in the order in which the keys were first written."""
        columns = tables.facts.c
        wanted = select(columns.key, columns.payload).where(columns.climb == climb).order_by(columns.seq)
        return {row.key: json.loads(row.payload) for row in self._database.rows(wanted)}

    def said(self, climbs: Sequence[str], key: str) -> dict[str, Any]:
        """What was last said under a key, of each of these climbs that said it."""
        columns, found = tables.facts.c, dict[str, Any]()
        for some in batches(sorted(set(climbs)), IN_ONE_SELECT):
            wanted = select(columns.climb, columns.payload).where(columns.key == key, columns.climb.in_(some)).order_by(columns.seq)
            found |= {row.climb: json.loads(row.payload) for row in self._database.rows(wanted)}
        return found

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


def _last_said(climb: str, key: str) -> Select[Any]:
    columns = tables.facts.c
    return select(columns.payload).where(columns.climb == climb, columns.key == key).order_by(columns.seq.desc()).limit(1)
