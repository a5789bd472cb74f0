"""Facts of work that may be killed: what it has found, under a key each, so that it goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, Table, insert, select

from rung.json_form import canonical_json
from rung.registry.db import Database, now
from rung.registry.leases import Leases
from rung.registry.servers import IN_ONE_SELECT
from rung.types import batches


class Facts:
    """The facts of one kind of work. Saying a key anew adds to the history; what was said last is what holds."""

    def __init__(self, database: Database, leases: Leases, begun: Table, facts: Table, kind: str) -> None:
        """begun   what has begun, by its id in the column `kind`
        facts   what it found, with that column, `key` and `payload`
        """
        self._database, self._leases, self._kind = database, leases, kind
        self._begun, self._facts = begun, facts
        self._of = facts.c[kind]

    def put(self, work: str, key: str, payload: Any) -> None:
        """Writes down what was found.

        Raises UserError where this home held the work's lease and another process has taken it over, RuntimeError where the work
        has not begun.
        """
        text = canonical_json(payload)
        with self._database.writing() as connection:
            self._leases.check(connection, work)
            if not connection.execute(select(self._begun.c.seq).where(self._begun.c[self._kind] == work)).first():
                kind = self._kind
                raise RuntimeError(f"{kind} {work[:12]} has not begun: home.{kind}s.begin(...) comes before its first fact")
            known = connection.execute(self._last_said(work, key)).first()
            if known is None or known.payload != text:
                row = {self._kind: work, "key": key, "payload": text, "created": now()}
                connection.execute(insert(self._facts), row)

    def one(self, work: str, key: str) -> Any:
        """What was last said under a key; None where nothing was."""
        found = self._database.rows(self._last_said(work, key))
        return json.loads(found[0].payload) if found else None

    def all(self, work: str) -> dict[str, Any]:
        """By key, in the order in which the keys were first written."""
        columns = self._facts.c
        wanted = select(columns.key, columns.payload).where(self._of == work).order_by(columns.seq)
        return {row.key: json.loads(row.payload) for row in self._database.rows(wanted)}

    def said(self, works: Sequence[str], key: str) -> dict[str, Any]:
        """What was last said under a key, of each of these that said it."""
        columns, found = self._facts.c, dict[str, Any]()
        for some in batches(sorted(set(works)), IN_ONE_SELECT):
            wanted = select(self._of.label("work"), columns.payload).where(columns.key == key, self._of.in_(some))
            found |= {row.work: json.loads(row.payload) for row in self._database.rows(wanted.order_by(columns.seq))}
        return found

    def _last_said(self, work: str, key: str) -> Select[Any]:
        columns = self._facts.c
        return select(columns.payload).where(self._of == work, columns.key == key).order_by(columns.seq.desc()).limit(1)
