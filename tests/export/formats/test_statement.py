"""in-toto statements: who opens one knows that nothing in it was changed, and of which files it is."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from versions_made import linear_candidate, prompt_candidate, read_bytes, subject, with_document, written

from rung.errors import UserError
from rung.export.formats import statement
from rung.registry.dsse import encoded, envelope, opened, public_identity
from rung.registry.home import Home

pytest.importorskip("in_toto_attestation")
PROVENANCE, VERDICT = statement.ENVELOPES


def payload(folder: Path, name: str) -> dict[str, Any]:
    return json.loads(base64.b64decode(json.loads((folder / name).read_text())["payload"]))


def test_both_are_signed_over_what_they_say_and_are_of_the_files(registry: Home, tmp_path: Path) -> None:
    made = with_document(registry, subject(registry, linear_candidate(registry)), settings={"folds": 3})
    folder = written(made, statement, tmp_path / "statement")
    found = statement.check(made, folder)
    assert found.holds, found.said
    assert hashlib.sha256((folder / "candidate.json").read_bytes()).hexdigest() == made.candidate.id
    said = payload(folder, VERDICT)
    assert {one["name"].rpartition("/")[2] for one in said["subject"]} == {"candidate.json", "linear.json", "linear.safetensors"}
    assert said["predicate"]["status"] == "JUDGED"
    assert said["predicate"]["receipt"]["document"]["verdict"]["estimate"] == 0.75
    built = payload(folder, PROVENANCE)["predicate"]["buildDefinition"]
    assert built["externalParameters"]["settings"] == {"folds": 3}
    assert {one["annotations"]["is"] for one in built["resolvedDependencies"]} == {"base", "data", "code"}
    assert read_bytes(folder) == read_bytes(written(made, statement, tmp_path / "again"))


def test_a_claim_is_signed_as_one(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry), judged=False)
    folder = written(made, statement, tmp_path / "statement")
    assert statement.check(made, folder).holds
    assert payload(folder, VERDICT)["predicate"]["status"] == "CLAIMED"
    assert payload(folder, VERDICT)["predicate"]["receipt"] is None
    assert any("CLAIMED" in note for note in statement.notes(made))


def test_the_receipts_own_signature_still_holds_in_it(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    receipt = payload(written(made, statement, tmp_path / "statement"), VERDICT)["predicate"]["receipt"]
    signer = registry.keys.by_fingerprint()[receipt["signer"]]
    assert signer.signed("receipt", receipt["document"], receipt["signature"])


def changed_payload(envelope: dict[str, Any]) -> None:
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["predicate"]["status"] = "PROVED"
    envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()


def changed_kind(envelope: dict[str, Any]) -> None:
    envelope["payloadType"] = "text/plain"


def no_signature(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = []


def broken_signature(envelope: dict[str, Any]) -> None:
    envelope["signatures"][0]["sig"] = "AAAA"


@pytest.mark.parametrize("change", [changed_payload, changed_kind, no_signature, broken_signature])
def test_what_is_changed_is_found(change: Callable[[dict[str, Any]], None], registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    folder = written(made, statement, tmp_path / "statement")
    found = json.loads((folder / VERDICT).read_text())
    change(found)
    (folder / VERDICT).write_text(json.dumps(found))
    agreement = statement.check(made, folder)
    assert not agreement.holds and VERDICT in agreement.said


def test_other_files_and_another_key_are_found(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    folder = written(made, statement, tmp_path / "statement")
    (folder / "candidate.json").write_text("{}")
    assert "other files" in statement.check(made, folder).said
    other = written(made, statement, tmp_path / "other")
    (other / "verifier.pem").write_bytes(foreign_pem())
    assert "no key of this home" in statement.check(made, other).said


def test_a_signature_of_the_bare_payload_is_none(registry: Home) -> None:
    """The kind of payload and its length are signed with it: what was signed as one thing is not taken for another."""
    signer = registry.keys.verifier()
    found = envelope(signer, "a/b", b"said")
    assert encoded("a/b", b"said") == b"DSSEv1 3 a/b 4 said"
    assert opened(found, "a/b", [signer.identity]) == b"said"
    found["signatures"][0]["sig"] = signer.sign_bytes(b"said")
    with pytest.raises(UserError, match="no signature"):
        opened(found, "a/b", [signer.identity])
    assert not signer.identity.signed("receipt", "said", signer.sign_bytes(encoded("a/b", b"said")))


@pytest.mark.parametrize(
    "found",
    [{}, {"payload": "!", "payloadType": "a/b", "signatures": []}, {"payload": "", "payloadType": "a/b", "signatures": [1]}],
)
def test_what_is_no_envelope_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="no signed envelope"):
        opened(found, "a/b", [])


def test_the_public_key_is_read_as_others_write_it(registry: Home, tmp_path: Path) -> None:
    folder = written(subject(registry, prompt_candidate(registry)), statement, tmp_path / "statement")
    key = public_identity((folder / "verifier.pem").read_text())
    assert key.fingerprint == registry.keys.verifier().identity.fingerprint


def foreign_pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
