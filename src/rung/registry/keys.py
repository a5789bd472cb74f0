"""Identities are Ed25519 keys that the home knows: public keys and names in an append-only table, private ones in own files.

keys/            0700
keys/NAME.key    a private key, PKCS8 in PEM, 0600; it stands nowhere else

A home's own `verifier` signs receipts and heads of the audit, a person's key signs approvals and says who made or promoted what.
Both are made on first need. A person's key may lie elsewhere: RUNG_IDENTITY names one of this home, or a file.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, insert, select

from rung.errors import UserError, did_you_mean
from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.endings import RETIRED, Ending, endings
from rung.registry.heads import add_line
from rung.registry.key_files import FORM, load_private, public_text, raw_public, read_public, write_new
from rung.registry.refs import NAME

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Trusted: the verifier of another home, whose receipts count here.
Kind = Literal["verifier", "person", "trusted"]
VERIFIER = "verifier"
KEY = "key"  # the kind of its line in the audit
IDENTITY = "RUNG_IDENTITY"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A key that the home knows. `fingerprint` is the SHA-256 of the public key's 32 bytes, `public` is `ed25519:<base64>`."""

    name: str
    kind: Kind
    fingerprint: str
    public: str
    created: str = ""

    @property
    def computed(self) -> str:
        """What its fingerprint must be; "" where its public key is none."""
        try:
            return hashlib.sha256(base64.b64decode(self.public.removeprefix(FORM), validate=True)).hexdigest()
        except ValueError:
            return ""

    def signed(self, domain: str, document: Any, signature: str) -> bool:
        """Whether this key made the signature of a JSON document, for that purpose and no other."""
        return self.signed_bytes(_said(domain, document), signature)

    def signed_bytes(self, data: bytes, signature: str) -> bool:
        """Whether this key made the signature of these bytes, which say themselves what for."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            raw = base64.b64decode(self.public.removeprefix(FORM), validate=True)
            Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature, validate=True), data)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """An identity with its private key at hand."""

    def __init__(self, identity: Identity, private: Ed25519PrivateKey) -> None:
        self.identity, self._private = identity, private

    def sign(self, domain: str, document: Any) -> str:
        """The signature of a JSON document, base64. `domain` says what for: one made for another purpose does not hold."""
        return self.sign_bytes(_said(domain, document))

    def sign_bytes(self, data: bytes) -> str:
        """The signature of bytes that say themselves what for, base64."""
        return base64.b64encode(self._private.sign(data)).decode("ascii")


def _said(domain: str, document: Any) -> bytes:
    return f"rung.{domain}\n{canonical_json(document)}".encode("utf-8", "surrogatepass")


class Keys:
    """The identities of one RUNG_HOME."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self._open: dict[str, Ed25519PrivateKey] = {}
        self._verifier = ""

    def all(self) -> list[Identity]:
        """Every identity that the home knows; oldest first."""
        return [_identity(row) for row in self._database.rows(select(tables.identities).order_by(tables.identities.c.seq))]

    def get(self, ref: str) -> Identity:
        """The identity of this name, fingerprint, or beginning of one. Raises UserError where there is none."""
        known = self.all()
        found = [one for one in known if one.name == ref] or [
            one for one in known if len(ref) >= 8 and one.fingerprint.startswith(ref)
        ]
        if len(found) != 1:
            names = [one.name for one in known]
            hint = (
                did_you_mean(ref, names) if names else "`rung keys make NAME` makes one, `rung keys add NAME KEY` adds another's."
            )
            raise UserError(f"the home knows no identity '{ref}'", where=str(self.folder.parent), hint=hint)
        return found[0]

    def by_fingerprint(self) -> Mapping[str, Identity]:
        """Every identity by its fingerprint."""
        return {one.fingerprint: one for one in self.all()}

    def called(self, fingerprint: str) -> str:
        """The name of who has this key; the beginning of a fingerprint that the home does not know."""
        known = self.by_fingerprint().get(fingerprint)
        return known.name if known else fingerprint[:16]

    def has_private(self, identity: Identity) -> bool:
        """Whether the identity's private key lies in this home, where whoever may read it can sign with it."""
        return os.access(self._file(identity.name), os.R_OK)

    def make(self, name: str, kind: Kind = "person") -> Identity:
        """A new identity, its private key in this home. Raises UserError for a name that cannot be one, or is taken."""
        _check_name(name)
        known = next((one for one in self.all() if one.name == name), None)
        if known or self._file(name).exists():
            raise UserError(f"there is an identity '{name}' already", where=str(self.folder), hint="Choose another name.")
        return self._signer(name, kind).identity

    def add(self, name: str, public: str) -> Identity:
        """Another person's public key, under a name. Raises UserError for what is no Ed25519 public key, or known already."""
        _check_name(name)
        raw = read_public(public)
        identity = _of(name, "person", raw)
        for one in self.all():
            if one.fingerprint == identity.fingerprint:
                raise UserError(f"this key is known already: it is {one.name}'s", hint="One person, one key.")
            if one.name == name:
                raise UserError(f"there is an identity '{name}' already, with another key", hint="Choose another name.")
        with self._database.writing() as connection:
            return self._enter(connection, identity)

    def trust(self, name: str, identity: Identity) -> Identity:
        """A key of another home, under a name: of its verifier, whose receipts then count here, or of a person.

        Raises UserError for a name that cannot be one, or is taken.
        """
        _check_name(name)
        if any(one.name == name for one in self.all()):
            raise UserError(
                f"there is an identity '{name}' already, with another key", hint="Give another: rung keys trust KEY NAME."
            )
        kind: Kind = "person" if identity.kind == "person" else "trusted"
        with self._database.writing() as connection:
            return self._enter(connection, replace(identity, name=name, kind=kind))

    def verifier(self) -> Signer:
        """What signs for this home's gate and audit; made on first need.

        Another one is made where the key of the first was retired, or its private half is not here, or another user's: a home goes
        on being used, and `rung verify` tells of it.
        """
        if not self._verifier or self._ended(self._verifier):
            self._verifier = self._next_verifier()
        return self._signer(self._verifier, "verifier")

    def _next_verifier(self, leave_out: str = "") -> str:
        known = {one.name for one in self.all()}
        for number in count(1):
            name = VERIFIER if number == 1 else f"{VERIFIER}-{number}"
            usable = os.access(self._file(name), os.R_OK) or (name not in known and not self._file(name).exists())
            if usable and name != leave_out and not self._ended(name):
                return name
        raise AssertionError("numbers do not end")

    def _ended(self, name: str) -> bool:
        with self._database.reading() as connection:
            return bool(endings(connection, name))

    def endings(self) -> Mapping[str, Ending]:
        """The keys that were retired, by fingerprint."""
        with self._database.reading() as connection:
            return endings(connection)

    def first_of(self, fingerprint: str) -> str:
        """The first key of who has this one: whoever rotates a key stays the same person."""
        before = {ending.successor: ending.fingerprint for ending in self.endings().values() if ending.successor}
        while fingerprint in before:
            fingerprint = before[fingerprint]
        return fingerprint

    def retire(self, name: str, since: str = "", successor: Identity | None = None) -> Identity:
        """Ends a key: what it signs from now on does not count, nor what it signed since a moment (ISO 8601), where one is given.

        Raises UserError for an identity that is not known, and for a key that has ended already, unless the moment is news.
        """
        ended = self.get(name)
        before = self.endings().get(ended.fingerprint)
        if before is not None and not (since and (not before.since or since < before.since)):
            raise UserError(f"the key of '{ended.name}' {before.said} already", hint="`rung keys` lists the identities.")
        by = self.me().identity.fingerprint
        said = {"fingerprint": ended.fingerprint, "since": since, "successor": successor.fingerprint if successor else "", "by": by}
        with self._database.together():
            signer = self._signer(self._next_verifier(ended.name), "verifier")
            add_line(self._database, signer, RETIRED, ended.name, said)
        return ended

    def rotate(self, name: str, public: str | None = None, since: str = "") -> Identity:
        """A new key in the place of one, which is retired: made here, or `public` where its private half lies elsewhere.

        Raises UserError as `retire`, and where the private key lies elsewhere and no public one is given.
        """
        old = self.get(name)
        if old.fingerprint in self.endings():
            raise UserError(f"the key of '{old.name}' was retired already", hint="Rotate the one that took its place.")
        if public is None and old.kind == "person" and not self.has_private(old):
            hint = f"Make one where it lies, and give its public half: rung keys rotate {old.name} KEY."
            raise UserError(f"the private key of '{old.name}' is not in this home", where=str(self.folder), hint=hint)
        if public is not None and old.kind == "verifier":
            raise UserError("the verifier's key is made here", hint=f"rung keys rotate {old.name}")
        self.me(), self.verifier()  # who does it has a key before anything is written, and the verifier of now signs for the next
        stem = old.name.rpartition("-")[0] if re.search(r"-[0-9]+$", old.name) else old.name
        known = {one.name for one in self.all()}
        fresh = next(f"{stem}-{number}" for number in count(2) if f"{stem}-{number}" not in known)
        with self._database.together():
            new = self.add(fresh, public) if public else self._signer(fresh, old.kind).identity
            self.retire(old.name, since, new)
        return new

    def me(self, identity: str | None = None) -> Signer:
        """Who acts: `identity`, else RUNG_IDENTITY (a name of this home, or a private key's file), else who is logged in here.

        Raises UserError where the private key is not here, or the home does not know it.
        """
        wanted = identity or os.environ.get(IDENTITY)
        if wanted is None:
            return self._signer(self._now(_user()), "person")
        if NAME.fullmatch(wanted) and not Path(wanted).is_file():
            known = self.get(self._now(self.get(wanted).name))
            if known.kind != "person":
                raise UserError(f"'{known.name}' is this home's verifier, not a person", hint="Name a person's key.")
            if not self._file(known.name).exists():
                hint = f"Set {IDENTITY} to the file of the private key, or act as somebody whose key is here."
                raise UserError(f"the private key of '{wanted}' is not in this home", where=str(self.folder), hint=hint)
            return self._signer(known.name, "person")
        return self._elsewhere(Path(wanted).expanduser())

    def _elsewhere(self, file: Path) -> Signer:
        private = load_private(file)
        identity = self.by_fingerprint().get(_of("", "person", raw_public(private)).fingerprint)
        if identity is None:
            hint = f"Have its public key added: rung keys add NAME '{public_text(private)}'."
            raise UserError("this home does not know this key", where=str(file), hint=hint)
        if ending := self.endings().get(identity.fingerprint):
            raise UserError(f"the key of '{identity.name}' {ending.said}", where=str(file), hint=f"Set {IDENTITY} to the new one.")
        return Signer(identity, private)

    def _now(self, name: str) -> str:
        """The name of the key that a person has now, where the one of this name was rotated. Raises UserError where it ended."""
        known, ended = {one.fingerprint: one for one in self.all()}, self.endings()
        found = next((one for one in known.values() if one.name == name), None)
        while found is not None and found.fingerprint in ended:
            ending = ended[found.fingerprint]
            if ending.successor not in known:
                hint = f"Make another one (rung keys make NAME), and act with it: {IDENTITY}=NAME."
                raise UserError(f"the key of '{found.name}' {ending.said}", where=str(self.folder), hint=hint)
            found = known[ending.successor]
        return found.name if found else name

    def _signer(self, name: str, kind: Kind) -> Signer:
        """The signer of this name, its key made where there is none, and entered where it is not known yet."""
        private = self._open.get(name) or self._private(name)
        self._open[name] = private
        identity = _of(name, kind, raw_public(private))
        with self._database.writing() as connection:
            found = connection.execute(select(tables.identities).where(tables.identities.c.name == name)).first()
            if found is None:
                return Signer(self._enter(connection, identity), private)
        if found.fingerprint != identity.fingerprint:
            hint = f"The home knows another key of that name. Set {IDENTITY} to your own, or make one: rung keys make NAME."
            raise UserError(f"the private key of '{name}' is not the one that the home knows", where=str(self.folder), hint=hint)
        return Signer(_identity(found), private)

    def _enter(self, connection: Connection, identity: Identity) -> Identity:
        """Adds an identity, with its line in the audit, signed by the verifier: by itself where there is no other."""
        row = {"name": identity.name, "kind": identity.kind, "fingerprint": identity.fingerprint, "public": identity.public}
        entered = replace(identity, created=now())
        connection.execute(insert(tables.identities), {**row, "created": entered.created})
        own = entered.kind == "verifier" and self._verifier in ("", entered.name)
        signer = Signer(entered, self._open[entered.name]) if own else self.verifier()
        add_line(self._database, signer, KEY, entered.name, row)
        return entered

    def _private(self, name: str) -> Ed25519PrivateKey:
        file = self._file(name)
        if not file.exists():
            if any(one.name == name for one in self.all()):
                hint = f"Set {IDENTITY} to the file of your private key, or make one under another name: rung keys make NAME."
                raise UserError(f"the private key of '{name}' is not in this home", where=str(self.folder), hint=hint)
            write_new(file)
        return load_private(file)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.key"


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        hint = "Use letters, digits, '.', '_' and '-', beginning with a letter or digit."
        raise UserError(f"'{name}' cannot be an identity's name", hint=hint)
    if name.partition("-")[0] == VERIFIER:
        raise UserError(f"'{name}' is kept for the home's own key", hint="Choose another name.")


def _user() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a process of a user without a name, as in many containers
        name = f"user-{os.getuid()}"
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip("._-")
    return plain if plain and plain.partition("-")[0] != VERIFIER else f"user-{os.getuid()}"


def _of(name: str, kind: Kind, raw: bytes) -> Identity:
    public = FORM + base64.b64encode(raw).decode("ascii")
    return Identity(name=name, kind=kind, fingerprint=hashlib.sha256(raw).hexdigest(), public=public)


def _identity(row: Any) -> Identity:
    return Identity(name=row.name, kind=row.kind, fingerprint=row.fingerprint, public=row.public, created=row.created)
