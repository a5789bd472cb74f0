"""What a tenant's session has switched on: the last of its choices for a name counts, and each is a line of the audit.

A session is its tenant's: the same word of another tenant is another session.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from rung.json_form import canonical_json, digest
from rung.registry import tables
from rung.registry.audit import Audit
from rung.registry.db import Database, now

SWITCHED = "session"  # the kind of its line in the audit


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a session has on: a mode, or adapters by their registered names, each with its weight; nothing where both are empty."""

    mode: str = ""
    stack: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class SessionChoice:
    """The `number`th choice of a tenant's session for a model's name ("" is the bare base)."""

    tenant: str
    session: str
    name: str
    number: int
    chosen: Chosen
    created: str


class Sessions:
    """The sessions of one RUNG_HOME."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def choose(self, tenant: str, session: str, name: str, chosen: Chosen) -> bool:
        """What the session has on from now on, for a model's name; says whether that is news."""
        body = canonical_json({"mode": chosen.mode, "stack": [list(part) for part in chosen.stack]})
        with self._database.writing() as connection:
            last = connection.execute(_newest(tenant, session, name)).first()
            if last.chosen == body if last else chosen == Chosen():
                return False
            number = last.number + 1 if last else 1
            row = {"tenant": tenant, "session": session, "name": name, "number": number, "chosen": body, "created": now()}
            connection.execute(insert(tables.stack_sessions), row)
            self._audit.append(SWITCHED, subject_of(row), told_of(row))
        return True

    def of(self, tenant: str, session: str, name: str) -> Chosen:
        """What the session has on for a model's name."""
        with self._database.reading() as connection:
            row = connection.execute(_newest(tenant, session, name)).first()
        return _choice(row).chosen if row else Chosen()

    def all(self, tenant: str | None = None, *, limit: int = 200) -> list[SessionChoice]:
        """The newest choices first, of a tenant or of all."""
        columns = tables.stack_sessions.c
        wanted = select(tables.stack_sessions).order_by(columns.seq.desc()).limit(limit)
        return [_choice(row) for row in self._database.rows(wanted if tenant is None else wanted.where(columns.tenant == tenant))]


def subject_of(row: Mapping[str, Any]) -> str:
    """What its line in the audit is about. A session's own word may be somebody's name: its digest stands for it."""
    return f"{row['tenant']}/{digest(row['session'])[:16]}"


def told_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the line of a stored row says. Raises ValueError where it cannot be read."""
    return {"name": row["name"], "number": row["number"], **json.loads(row["chosen"])}


def _newest(tenant: str, session: str, name: str) -> Any:
    columns = tables.stack_sessions.c
    mine = (columns.tenant == tenant, columns.session == session, columns.name == name)
    return select(tables.stack_sessions).where(*mine).order_by(columns.number.desc()).limit(1)


def _choice(row: Any) -> SessionChoice:
    said = json.loads(row.chosen)
    chosen = Chosen(mode=said["mode"], stack=tuple((str(name), float(weight)) for name, weight in said["stack"]))
    return SessionChoice(
        tenant=row.tenant, session=row.session, name=row.name, number=row.number, chosen=chosen, created=row.created
    )
