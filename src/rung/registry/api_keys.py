"""Keys that programs show to a server: `rk-ID-SECRET` of a tenant, `rka-ID-SECRET` of who runs the server.

A key is told once, when it is made. What is stored is HMAC-SHA256 of its secret (256 bits of chance) under a salt of its own, by
its id, which finds it in one row and says nothing of the secret. A key ends at the moment that it expires, that it was revoked at,
or that the one which took its place leaves to it; of several ends the earliest counts, and none is taken back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, insert, select

from rung.errors import UserError
from rung.escapes import is_plain, quoted
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.moments import written
from rung.registry.served_tables import api_key_ends, api_keys

API_KEY, ENDED = "api-key", "api-key-end"  # the kinds of lines in the audit
PREFIXES = {"tenant": "rk", "admin": "rka"}
Kind = Literal["tenant", "admin"]
LONGEST_LABEL = 100
_FORM = re.compile(r"(rka?)-([0-9a-f]{16})-([A-Za-z0-9_-]{43})")
_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key without its secret.

    tenant   the id of whose it is, "" of an admin's; `label` says who holds it, or what for
    ends     the moment (ISO 8601, UTC) from which it holds no longer; "" where none is set
    why      `expires`, `revoked` or `rotated`; `successor` is the id of the key that took its place
    """

    id: str
    kind: Kind
    tenant: str
    label: str
    who: str
    created: str
    ends: str = ""
    why: str = ""
    successor: str = ""

    def holds(self, moment: str) -> bool:
        """Whether it holds at a moment."""
        return not self.ends or moment < self.ends

    @property
    def begins(self) -> str:
        """What it begins with, for whoever has several: `rk-4f2a...`."""
        return f"{PREFIXES[self.kind]}-{self.id}"


class ApiKeys:
    """The keys of one RUNG_HOME's servers."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def make(self, kind: Kind, tenant: str = "", *, label: str = "", lasts: str = "", who: str = "") -> tuple[str, ApiKey]:
        """A new key: as it is shown, once, and what is known of it from now on.

        lasts  how long it holds (`30d`, `12h`); "" for ever

        Raises UserError for what is no time, and for a label that is none.
        """
        if len(label) > LONGEST_LABEL or not is_plain(label):
            raise UserError(f"{quoted(label)} cannot be a key's label", hint=f"One line of at most {LONGEST_LABEL} characters.")
        expires = later(self._audit.moment(), lasts) if lasts else ""
        with self._database.writing() as connection:
            return self._make(
                connection, ApiKey(id=secrets.token_hex(8), kind=kind, tenant=tenant, label=label, who=who, created=now()), expires
            )

    def _make(self, connection: Connection, key: ApiKey, expires: str) -> tuple[str, ApiKey]:
        secret, salt = secrets.token_urlsafe(32), secrets.token_hex(16)
        row = {
            "id": key.id,
            "kind": key.kind,
            "tenant": key.tenant,
            "label": key.label,
            "salt": salt,
            "hash": _hash(salt, secret).decode(),
        }
        row |= {"expires": expires, "who": key.who, "created": key.created}
        connection.execute(insert(api_keys), row)
        self._audit.append(API_KEY, key.id, told_of(row))
        return f"{key.begins}-{secret}", _of(connection, key.id)

    def check(self, shown: str) -> ApiKey | None:
        """The key that is shown, where it holds now; None for all else. Takes as long for a wrong secret as for a right one."""
        match = _FORM.fullmatch(shown)
        if match is None:
            return None
        prefix, id, secret = match.groups()
        with self._database.reading() as connection:
            row: Any = connection.execute(select(api_keys).where(api_keys.c.id == id)).first()
            salt, wanted = (row.salt, row.hash) if row is not None else ("00" * 16, "00" * 32)
            same = hmac.compare_digest(_hash(salt, secret), wanted.encode())
            if row is None or not same or PREFIXES.get(row.kind) != prefix:
                return None
            key = _of(connection, id)
        return key if key.holds(self._audit.moment()) else None

    def find(self, id: str) -> ApiKey | None:
        """The key of an id; None where there is none."""
        with self._database.reading() as connection:
            return _of(connection, id) if connection.execute(select(api_keys.c.id).where(api_keys.c.id == id)).first() else None

    def get(self, ref: str) -> ApiKey:
        """The key whose id begins so, with or without `rk-`. Raises UserError where that names none, or several."""
        begins = ref.removeprefix("rka-").removeprefix("rk-").partition("-")[0]
        columns = api_keys.c
        with self._database.reading() as connection:
            found = (
                connection.execute(select(columns.id).where(columns.id.startswith(begins, autoescape=True)).limit(9))
                .scalars()
                .all()
            )
            if len(found) == 1 and len(begins) >= 4:
                return _of(connection, found[0])
        if found and len(begins) >= 4:
            raise UserError(f"{quoted(ref)} could be {', '.join(found)}", hint="Write more of it.")
        # What was given may be a whole key, which belongs on no screen.
        raise UserError("no key begins like that", hint="`rung tenant show NAME` lists a tenant's: give at least 4 digits.")

    def of(self, tenant: str = "", kind: Kind = "tenant") -> list[ApiKey]:
        """The keys of a tenant, or those of admins; the first one first."""
        columns = api_keys.c
        wanted = select(columns.id).where(columns.tenant == tenant, columns.kind == kind).order_by(columns.seq)
        with self._database.reading() as connection:
            return [_of(connection, id) for id in connection.execute(wanted).scalars().all()]

    def revoke(self, key: ApiKey, *, who: str = "", reason: str = "") -> ApiKey:
        """Ends a key now. Raises UserError where it has ended already."""
        with self._database.writing() as connection:
            self._end(connection, key, at=self._audit.moment(), successor="", who=who, reason=reason)
            return _of(connection, key.id)

    def rotate(self, key: ApiKey, *, overlap: str = "0s", lasts: str = "", who: str = "") -> tuple[str, ApiKey]:
        """A new key in the place of one, which holds for `overlap` (`1h`) yet. Raises UserError where it has ended already."""
        moment = self._audit.moment()
        with self._database.writing() as connection:
            fresh = ApiKey(id=secrets.token_hex(8), kind=key.kind, tenant=key.tenant, label=key.label, who=who, created=now())
            made = self._make(connection, fresh, later(moment, lasts) if lasts else "")
            self._end(connection, key, at=later(moment, overlap), successor=fresh.id, who=who, reason="rotated")
        return made

    def _end(self, connection: Connection, key: ApiKey, *, at: str, successor: str, who: str, reason: str) -> None:
        known, columns = _of(connection, key.id), api_key_ends.c
        if not known.holds(self._audit.moment()):
            raise UserError(f"the key {key.begins} has ended already ({known.why}, {known.ends[:16].replace('T', ' ')} UTC)")
        number = connection.execute(select(func.count()).where(columns.key == key.id)).scalar_one() + 1
        row = {"key": key.id, "number": number, "at": at, "successor": successor, "who": who, "reason": reason, "created": now()}
        connection.execute(insert(api_key_ends), row)
        self._audit.append(ENDED, key.id, ending_of(row))


def later(moment: str, lasts: str) -> str:
    """The moment so long (`90s`, `15m`, `12h`, `30d`) after another. Raises UserError for what is no time."""
    match = _AGE.fullmatch(lasts.strip())
    try:
        if match is None:
            raise ValueError(lasts)
        return written(datetime.fromisoformat(moment).astimezone(UTC) + timedelta(**{_UNITS[match[2]]: int(match[1])}))
    except (ValueError, OverflowError):
        raise UserError(f"{quoted(lasts)} is no time", hint="Write 90s, 15m, 12h or 30d.") from None


def told_of(row: Any) -> dict[str, Any]:
    """What a line of the audit says of a key."""
    return {name: row[name] for name in ("id", "kind", "tenant", "label", "salt", "hash", "expires", "who")}


def ending_of(row: Any) -> dict[str, Any]:
    """What a line of the audit says of a key's end."""
    return {name: row[name] for name in ("key", "number", "at", "successor", "who", "reason")}


def _hash(salt: str, secret: str) -> bytes:
    return hmac.new(salt.encode(), secret.encode("ascii"), hashlib.sha256).hexdigest().encode()


def _of(connection: Connection, id: str) -> ApiKey:
    row: Any = connection.execute(select(api_keys).where(api_keys.c.id == id)).one()
    wanted: Select[Any] = select(api_key_ends).where(api_key_ends.c.key == id).order_by(api_key_ends.c.number)
    ends: Sequence[Any] = connection.execute(wanted).all()
    found = [(one.at, "rotated" if one.successor else "revoked") for one in ends]
    found += [(row.expires, "expires")] if row.expires else []
    at, why = min(found, default=("", ""))
    successor = next((one.successor for one in ends if one.successor), "")
    return ApiKey(
        id=row.id,
        kind=row.kind,
        tenant=row.tenant,
        label=row.label,
        who=row.who,
        created=row.created,
        ends=at,
        why=why,
        successor=successor,
    )
