"""The audit: who registered, approved, promoted and rolled back what, a line each, in the transaction of the thing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select

from rung.registry import tables
from rung.registry.chain import Line, last_line, line_of
from rung.registry.db import Database, now
from rung.registry.heads import Head, add_line, heads, published
from rung.registry.keys import Keys


class Audit:
    """The audit of one RUNG_HOME."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database, self._keys = database, keys

    def append(self, kind: str, subject: str, payload: Mapping[str, Any]) -> Line:
        """Adds a line, and signs the head that it makes; within `home.together`, in one transaction with the thing itself."""
        with self._database.together():
            return add_line(self._database, self._keys.verifier(), kind, subject, payload)

    def lines(self, subject: str | None = None) -> list[Line]:
        """Every line, or those of a subject; oldest first."""
        wanted = select(tables.audit).order_by(tables.audit.c.seq)
        if subject is not None:
            wanted = wanted.where(tables.audit.c.subject == subject)
        return [line_of(row) for row in self._database.rows(wanted)]

    def search(self, *, text: str = "", subject: str = "", kind: str = "", before: int | None = None, limit: int) -> list[Line]:
        """The newest lines before a number that say a text, are of a subject and a kind; each "" where it does not matter."""
        columns = tables.audit.c
        wanted = select(tables.audit).order_by(columns.seq.desc()).limit(limit)
        wanted = wanted.where(columns.seq < before) if before is not None else wanted
        wanted = wanted.where(columns.subject == subject) if subject else wanted
        wanted = wanted.where(columns.kind == kind) if kind else wanted
        if text:
            said = [column.icontains(text, autoescape=True) for column in (columns.payload, columns.subject, columns.kind)]
            wanted = wanted.where(or_(*said, columns.digest.startswith(text, autoescape=True)))
        return [line_of(row) for row in self._database.rows(wanted)]

    def kinds(self) -> list[str]:
        """Every kind of line that there is, sorted."""
        return sorted(row.kind for row in self._database.rows(select(tables.audit.c.kind).distinct()))

    def stored(self) -> list[Any]:
        """The rows as they stand in the database, for whoever checks them."""
        return self._database.rows(select(tables.audit).order_by(tables.audit.c.seq))

    def heads(self) -> list[Head]:
        """Every signed head of the database; oldest first."""
        with self._database.reading() as connection:
            return heads(connection)

    def published(self) -> Head | None:
        """The head in the file beside the database; None where there is none. Raises ValueError for a file that holds none."""
        return published(self._database.path.parent)

    def moment(self) -> str:
        """Now, or the moment of the last line where the clock has gone back behind it: what has expired once stays so."""
        with self._database.reading() as connection:
            last = last_line(connection)
        return max(now(), last.created) if last else now()
