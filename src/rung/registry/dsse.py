"""What others can check: envelopes signed by an identity's Ed25519 key (DSSE 1.0, the Dead Simple Signing Envelope)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from rung.errors import UserError
from rung.registry.key_files import FORM, read_public
from rung.registry.keys import Identity, Signer


def encoded(kind: str, payload: bytes) -> bytes:
    """What is signed, DSSE's pre-authentication encoding: with its lengths, and with the kind of payload, which nobody can change.

    No signature of a receipt or a head can be taken for one of these: those begin otherwise (`keys`).
    """
    named = kind.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload)


def envelope(signer: Signer, kind: str, payload: bytes) -> dict[str, Any]:
    """The envelope of a payload of a kind, a MIME type. Equal payloads give equal envelopes: Ed25519 draws no lots."""
    signature = {"keyid": signer.identity.fingerprint, "sig": signer.sign_bytes(encoded(kind, payload))}
    return {"payload": base64.b64encode(payload).decode("ascii"), "payloadType": kind, "signatures": [signature]}


def opened(found: Mapping[str, Any], kind: str, known: Iterable[Identity]) -> bytes:
    """The payload of an envelope. Raises UserError where it is of another kind, or has no signature by a key that is known."""
    try:
        payload = base64.b64decode(found["payload"], validate=True)
        said, signatures = found["payloadType"], [str(one["sig"]) for one in found["signatures"]]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise UserError(
            f"this is no signed envelope: {error}", hint="A DSSE envelope has payload, payloadType, signatures."
        ) from None
    if said != kind:
        raise UserError(f"the envelope holds {said!r}, not {kind!r}")
    identities = list(known)
    if not any(one.signed_bytes(encoded(kind, payload), signature) for signature in signatures for one in identities):
        raise UserError("no signature of this envelope is by a key that is known, over what it holds")
    return payload


def public_pem(identity: Identity) -> bytes:
    """An identity's public key in PEM, as other programs take it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Ed25519PublicKey.from_public_bytes(read_public(identity.public))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_identity(text: str) -> Identity:
    """Whose public key a text is (PEM, OpenSSH's, ours), as whoever has nothing but the key knows it. Raises UserError for none."""
    raw = read_public(text)
    public = FORM + base64.b64encode(raw).decode("ascii")
    return Identity(name="", kind="verifier", fingerprint=hashlib.sha256(raw).hexdigest(), public=public)
