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

from rung.disk import explained, scratch, sync
from rung.errors import BrokenEnvironment, UserError, did_you_mean
from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.heads import add_line
from rung.registry.refs import NAME

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Kind = Literal["verifier", "person"]
VERIFIER = "verifier"
KEY = "key"  # the kind of its line in the audit
IDENTITY = "RUNG_IDENTITY"
FORM = "ed25519:"
OTHERS = 0o077


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

    def verifier(self) -> Signer:
        """What signs for this home's gate and audit; made on first need.

        Another one is made where the private key of the first is not here, or another user's: a home goes on being used, and
        `rung verify` tells of it.
        """
        known = set() if self._verifier else {one.name for one in self.all()}
        for number in count(1) if not self._verifier else ():
            name = VERIFIER if number == 1 else f"{VERIFIER}-{number}"
            if os.access(self._file(name), os.R_OK) or (name not in known and not self._file(name).exists()):
                self._verifier = name
                break
        return self._signer(self._verifier, "verifier")

    def me(self, identity: str | None = None) -> Signer:
        """Who acts: `identity`, else RUNG_IDENTITY (a name of this home, or a private key's file), else who is logged in here.

        Raises UserError where the private key is not here, or the home does not know it.
        """
        wanted = identity or os.environ.get(IDENTITY)
        if wanted is None:
            return self._signer(_user(), "person")
        if NAME.fullmatch(wanted) and not Path(wanted).is_file():
            known = self.get(wanted)
            if known.kind != "person":
                raise UserError(f"'{known.name}' is this home's verifier, not a person", hint="Name a person's key.")
            if not self._file(known.name).exists():
                hint = f"Set {IDENTITY} to the file of the private key, or act as somebody whose key is here."
                raise UserError(f"the private key of '{wanted}' is not in this home", where=str(self.folder), hint=hint)
            return self._signer(known.name, "person")
        return self._elsewhere(Path(wanted).expanduser())

    def _elsewhere(self, file: Path) -> Signer:
        private = _load(file)
        identity = self.by_fingerprint().get(_of("", "person", _raw(private)).fingerprint)
        if identity is None:
            hint = f"Have its public key added: rung keys add NAME '{_public(private)}'."
            raise UserError("this home does not know this key", where=str(file), hint=hint)
        return Signer(identity, private)

    def _signer(self, name: str, kind: Kind) -> Signer:
        """The signer of this name, its key made where there is none, and entered where it is not known yet."""
        private = self._open.get(name) or self._private(name)
        self._open[name] = private
        identity = _of(name, kind, _raw(private))
        with self._database.writing() as connection:
            found = connection.execute(select(tables.identities).where(tables.identities.c.name == name)).first()
            if found is None:
                return Signer(self._enter(connection, identity), private)
        if found.fingerprint != identity.fingerprint:
            hint = f"The home knows another key of that name. Set {IDENTITY} to your own, or make one: rung keys make NAME."
            raise UserError(f"the private key of '{name}' is not the one that the home knows", where=str(self.folder), hint=hint)
        return Signer(_identity(found), private)

    def _enter(self, connection: Connection, identity: Identity) -> Identity:
        """Adds an identity, with its line in the audit, signed by the verifier: by itself where that is who is added."""
        row = {"name": identity.name, "kind": identity.kind, "fingerprint": identity.fingerprint, "public": identity.public}
        entered = replace(identity, created=now())
        connection.execute(insert(tables.identities), {**row, "created": entered.created})
        signer = Signer(entered, self._open[entered.name]) if entered.kind == "verifier" else self.verifier()
        add_line(self._database, signer, KEY, entered.name, row)
        return entered

    def _private(self, name: str) -> Ed25519PrivateKey:
        file = self._file(name)
        if not file.exists():
            if any(one.name == name for one in self.all()):
                hint = f"Set {IDENTITY} to the file of your private key, or make one under another name: rung keys make NAME."
                raise UserError(f"the private key of '{name}' is not in this home", where=str(self.folder), hint=hint)
            _write_new(file)
        return _load(file)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.key"


def read_public(text: str) -> bytes:
    """The 32 bytes of an Ed25519 public key: `ed25519:<base64>`, a line of OpenSSH's (`ssh-ed25519 ...`), PEM, or a file of one.

    Raises UserError for anything else. A private key is refused, and nothing of it is repeated.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    given, where = text.strip(), ""
    if not given.startswith((FORM, "ssh-", "-----")):
        given, where = _read_file(Path(text).expanduser())
    if "PRIVATE KEY" in given:
        raise UserError(
            "this is a private key: keep it to yourself",
            where=where,
            hint="Give the public one (OpenSSH: the file that ends in .pub).",
        )
    try:
        if given.startswith(FORM):
            raw = base64.b64decode(given.removeprefix(FORM), validate=True)
            Ed25519PublicKey.from_public_bytes(raw)
            return raw
        data = given.encode()
        key: Any = load_ssh_public_key(data) if given.startswith("ssh-") else load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        hint = "Give ed25519:<base64>, as `rung keys` shows it, or a line that begins with ssh-ed25519."
        raise UserError("this is no Ed25519 public key", where=where, hint=hint)
    return key.public_bytes_raw()


def _read_file(path: Path) -> tuple[str, str]:
    try:
        return path.read_text("utf-8").strip(), str(path)
    except (OSError, ValueError):
        hint = "Give ed25519:<base64>, as `rung keys` shows it, a line that begins with ssh-ed25519, or a file that holds one."
        raise UserError("this is neither a public key nor a file that can be read", where=str(path)[:60], hint=hint) from None


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


def _write_new(file: Path) -> None:
    """A new private key, readable by its owner alone from the first byte; where another process was faster, its key stays."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    data = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with explained(file.parent):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        with scratch(file.parent) as folder:
            draft = folder / "key"
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            try:
                os.link(draft, file)
            except FileExistsError:
                return
        sync(file.parent)


def _load(file: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    with explained(file):
        mode, data = file.stat().st_mode, file.read_bytes()
    if mode & OTHERS:
        raise BrokenEnvironment(
            "this private key can be read by others", where=str(file), hint=f"Take it from them: chmod 600 {file}."
        )
    key: Any = None
    try:
        key = load_ssh_private_key(data, None) if b"OPENSSH" in data[:64] else load_pem_private_key(data, None)
    except TypeError:
        raise UserError(
            "this private key has a passphrase", where=str(file), hint="Use one without, in a file of mode 0600."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        pass
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError("this is no Ed25519 private key", where=str(file), hint="`rung keys make NAME` makes one.")
    return key


def _raw(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def _public(private: Ed25519PrivateKey) -> str:
    return FORM + base64.b64encode(_raw(private)).decode("ascii")


def _of(name: str, kind: Kind, raw: bytes) -> Identity:
    public = FORM + base64.b64encode(raw).decode("ascii")
    return Identity(name=name, kind=kind, fingerprint=hashlib.sha256(raw).hexdigest(), public=public)


def _identity(row: Any) -> Identity:
    return Identity(name=row.name, kind=row.kind, fingerprint=row.fingerprint, public=row.public, created=row.created)
