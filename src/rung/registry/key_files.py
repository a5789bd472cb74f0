"""Ed25519 keys in files and as a person writes them: private ones that their owner alone can read, public ones in any form."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.disk import explained, scratch, sync
from rung.errors import BrokenEnvironment, UserError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORM = "ed25519:"
OTHERS = 0o077


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


def write_new(file: Path) -> None:
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


def load_private(file: Path) -> Ed25519PrivateKey:
    """A private key, PEM's or OpenSSH's. Raises BrokenEnvironment where others can read it, UserError where it is none."""
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


def raw_public(private: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of its public half."""
    return private.public_key().public_bytes_raw()


def public_text(private: Ed25519PrivateKey) -> str:
    """Its public half as `ed25519:<base64>`."""
    return FORM + base64.b64encode(raw_public(private)).decode("ascii")
