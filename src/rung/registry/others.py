"""Keys of other homes: known by fingerprint since something that they signed came here, and trusted only when somebody says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from rung.errors import UserError, did_you_mean
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.heads import add_line
from rung.registry.keys import Identity
from rung.registry.servers import add_once

if TYPE_CHECKING:
    from rung.registry.keys import Keys

KNOWN = "other-key"  # the kind of its line in the audit
SHORTEST = 8


@dataclass(frozen=True, kw_only=True)
class Other:
    """A key as another home knows it: `identity.name` there, `home` what that home is called here."""

    identity: Identity
    home: str

    @property
    def called(self) -> str:
        """`verifier of laptop`."""
        return f"{self.identity.name} of {self.home}"


class Others:
    """The keys of other homes that one RUNG_HOME has met."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database, self._keys = database, keys

    def all(self) -> list[Other]:
        """Every one that is not trusted yet; oldest first."""
        trusted = self._keys.by_fingerprint()
        return [other for name, other in self.by_fingerprint().items() if name not in trusted]

    def by_fingerprint(self) -> Mapping[str, Other]:
        """Every one, trusted or not."""
        rows = self._database.rows(select(tables.others).order_by(tables.others.c.seq))
        return {
            row.fingerprint: Other(
                identity=Identity(
                    name=row.name, kind=row.kind, fingerprint=row.fingerprint, public=row.public, created=row.created
                ),
                home=row.home,
            )
            for row in rows
        }

    def met(self, identity: Identity, home: str) -> None:
        """Writes down a key of another home, unless it is known. Raises UserError for one that is not what its fingerprint says."""
        if identity.computed != identity.fingerprint:
            raise UserError(
                f"the public key of {identity.name} of {home} has another fingerprint", hint="`rung verify` there says more."
            )
        if identity.fingerprint in self._keys.by_fingerprint() or identity.fingerprint in self.by_fingerprint():
            return
        row = {
            "fingerprint": identity.fingerprint,
            "kind": identity.kind,
            "name": identity.name,
            "home": home,
            "public": identity.public,
        }
        with self._database.writing() as connection:
            add_once(connection, tables.others, row | {"created": now()})
            add_line(self._database, self._keys.verifier(), KNOWN, identity.fingerprint, row)

    def trust(self, ref: str, name: str | None = None) -> Identity:
        """From now on what this key signs counts: a verifier's receipts, a person's approvals.

        ref   its fingerprint, the beginning of one, or the name of the home whose verifier's it is
        name  what it is called here; without one that of its home for a verifier, `anna-laptop` for a person, whose own name may be
              somebody else's here

        Raises UserError where there is none or more than one, and for a name that is taken.
        """
        known = self.all()
        found = [one for one in known if len(ref) >= SHORTEST and one.identity.fingerprint.startswith(ref)]
        found = found or [one for one in known if one.home == ref and one.identity.kind != "person"]
        if len(found) != 1:
            fingerprints = [one.identity.fingerprint[:16] for one in known]
            hint = did_you_mean(ref, fingerprints) if known else "None is waiting: `rung keys` lists who is known."
            problem = f"'{ref}' is the beginning of {len(found)} keys" if found else f"no key of another home begins with '{ref}'"
            raise UserError(problem, hint=hint)
        other = found[0]
        person = other.identity.kind == "person"
        return self._keys.trust(name or (f"{other.identity.name}-{other.home}" if person else other.home), other.identity)
