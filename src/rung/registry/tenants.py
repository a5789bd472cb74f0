"""Who may ask a server: tenants, each with what it may ask for and take. Every change is kept; the last one is how it stands.

A tenant has a name for people and an id that no other ever gets: one that is made under the name of one that has ended shares
nothing with it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Select, func, insert, select

from rung.errors import UserError, did_you_mean
from rung.escapes import quoted
from rung.json_form import Misfit, canonical_json, from_json
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.refs import NAME
from rung.registry.scopes import Scope, told
from rung.registry.served_tables import tenant_changes

TENANT = "tenant"  # the kind of its lines in the audit, and how its id begins
LONGEST_NAME = 64
Change = Literal["made", "set", "ended"]


@dataclass(frozen=True, kw_only=True)
class TenantRecord:
    """A tenant as a change left it. `number` counts its changes; `who` made this one, at the moment `created`."""

    id: str
    name: str
    number: int
    kind: Change
    scope: Scope
    who: str
    created: str

    @property
    def has_ended(self) -> bool:
        """Whether none of its keys holds any more."""
        return self.kind == "ended"


class Tenants:
    """The tenants of one RUNG_HOME."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def add(self, name: str, scope: Scope, who: str = "") -> TenantRecord:
        """A new tenant. Raises UserError for a name that cannot be one, or that another has."""
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            hint = f"Use letters, digits, '.', '_' and '-', beginning with a letter or digit; at most {LONGEST_NAME}."
            raise UserError(f"{quoted(name)} cannot be a tenant's name", hint=hint)
        with self._database.writing() as connection:
            if any(one.name == name and not one.has_ended for one in _standing(connection)):
                raise UserError(f"there is a tenant '{name}' already", hint=f"rung tenant set {name} ... changes it.")
            record = _record(f"{TENANT}-{secrets.token_hex(8)}", name, 1, "made", scope, who)
            self._enter(connection, record)
        return record

    def change(self, seen: TenantRecord, scope: Scope, who: str = "") -> TenantRecord:
        """Gives a tenant another scope. Raises UserError where it was changed since it was looked at, or has ended."""
        return self._change(seen, "set", scope, who)

    def end(self, seen: TenantRecord, who: str = "") -> TenantRecord:
        """Ends a tenant: no key of its holds any more, and its name is free. Raises UserError as `change`."""
        return self._change(seen, "ended", seen.scope, who)

    def _change(self, seen: TenantRecord, kind: Change, scope: Scope, who: str) -> TenantRecord:
        with self._database.writing() as connection:
            last = _last(connection, seen.id)
            if last is None or last.has_ended:
                raise UserError(f"the tenant '{seen.name}' has ended", hint="rung tenant add makes another.")
            if last.number != seen.number:
                hint = f"Look at it (rung tenant show {seen.name}), then say it again if it holds."
                raise UserError(f"the tenant '{seen.name}' was changed meanwhile", hint=hint)
            record = _record(seen.id, seen.name, seen.number + 1, kind, scope, who)
            self._enter(connection, record)
        return record

    def _enter(self, connection: Connection, record: TenantRecord) -> None:
        row = row_of(record)
        connection.execute(insert(tenant_changes), row)
        self._audit.append(TENANT, record.id, told_of(row))

    def get(self, ref: str) -> TenantRecord:
        """The tenant of this name or id; of several of a name the one that has not ended. Raises UserError where there is none."""
        known = self.all(ended=True)
        found = [one for one in known if one.id == ref] or [one for one in known if one.name == ref]
        if not found:
            names = [one.name for one in known if not one.has_ended]
            hint = did_you_mean(ref, names) if names else "rung tenant add NAME makes one."
            raise UserError(f"there is no tenant {quoted(ref)}", hint=hint)
        return next((one for one in found if not one.has_ended), found[-1])

    def find(self, id: str) -> TenantRecord | None:
        """How the tenant of an id stands; None where there is none."""
        with self._database.reading() as connection:
            return _last(connection, id)

    def all(self, *, ended: bool = False) -> list[TenantRecord]:
        """Every tenant as it stands, those that have ended too where they are asked for; by name."""
        with self._database.reading() as connection:
            found = _standing(connection)
        return [one for one in found if ended or not one.has_ended]

    def any(self) -> bool:
        """Whether there has ever been one."""
        return bool(self._database.rows(select(tenant_changes.c.seq).limit(1)))

    def history(self, id: str) -> list[TenantRecord]:
        """Every change of a tenant; the first one first."""
        columns = tenant_changes.c
        wanted = select(tenant_changes).where(columns.tenant == id).order_by(columns.number)
        return [_read(row) for row in self._database.rows(wanted)]


def row_of(record: TenantRecord) -> dict[str, Any]:
    """A change as it is stored."""
    return {
        "tenant": record.id,
        "number": record.number,
        "kind": record.kind,
        "name": record.name,
        "settings": canonical_json(told(record.scope)),
        "who": record.who,
        "created": record.created,
    }


def told_of(row: Any) -> dict[str, Any]:
    """What a line of the audit says of a change. Raises ValueError where its settings cannot be read any more."""
    return {name: row[name] for name in ("tenant", "number", "kind", "name", "who")} | {"settings": json.loads(row["settings"])}


def _record(id: str, name: str, number: int, kind: Change, scope: Scope, who: str) -> TenantRecord:
    return TenantRecord(id=id, name=name, number=number, kind=kind, scope=scope, who=who, created=now())


def _standing(connection: Connection) -> list[TenantRecord]:
    columns = tenant_changes.c
    newest = select(columns.tenant, func.max(columns.number).label("last")).group_by(columns.tenant).subquery()
    same = (columns.tenant == newest.c.tenant) & (columns.number == newest.c.last)
    wanted = select(tenant_changes).join(newest, same).order_by(columns.name, columns.seq)
    return [_read(row) for row in connection.execute(wanted)]


def _last(connection: Connection, id: str) -> TenantRecord | None:
    columns = tenant_changes.c
    wanted: Select[Any] = select(tenant_changes).where(columns.tenant == id).order_by(columns.number.desc()).limit(1)
    row = connection.execute(wanted).first()
    return _read(row) if row is not None else None


def _read(row: Any) -> TenantRecord:
    if row.kind not in get_args(Change):
        raise UserError(f"the tenant {row.tenant} cannot be read: its change {row.number} is of a kind '{row.kind}'")
    try:
        scope = from_json(Scope, json.loads(row.settings))
    except (Misfit, ValueError) as error:
        hint = "rung verify says what was changed; rung tenant set of every setting mends it."
        raise UserError(f"the tenant {row.name} cannot be read: {error}", hint=hint) from None
    return TenantRecord(
        id=row.tenant, name=row.name, number=row.number, kind=row.kind, scope=scope, who=row.who, created=row.created
    )
