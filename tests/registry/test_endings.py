"""The end of a key: what it signed before counts, what it signs afterwards, or while others had it, does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from rung.errors import UserError
from rung.registry.endings import read_since
from rung.registry.home import Home, open_home


@pytest.fixture(autouse=True)
def anna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)


def public(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def test_a_rotated_verifier_hands_over_and_the_audit_goes_on(registry: Home) -> None:
    registry.audit.append("note", "", {})
    first = registry.keys.verifier().identity
    second = registry.keys.rotate("verifier")
    assert (second.name, second.kind) == ("verifier-2", "verifier")
    registry.audit.append("note", "", {})
    assert registry.integrity.faults() == []
    heads = {head.lines: head.signer for head in registry.audit.heads()}
    key_line, retire_line = [line.number for line in registry.audit.lines() if line.subject in ("verifier-2", "verifier")][-2:]
    assert heads[key_line] == first.fingerprint, "the old one signs for the new one"
    assert {heads[number] for number in heads if number >= retire_line} == {second.fingerprint}
    assert any("the key of verifier was retired on" in remark for remark in registry.integrity.remarks())
    assert not any("as well" in remark for remark in registry.integrity.remarks())
    with open_home(write=True) as again:
        assert again.keys.verifier().identity.name == "verifier-2"
        assert again.keys.rotate("verifier-2").name == "verifier-3"
        assert again.integrity.faults() == []


def test_a_process_that_goes_on_takes_up_the_new_verifier(registry: Home) -> None:
    registry.audit.append("note", "", {})
    with open_home(write=True) as other:
        other.keys.rotate("verifier")
    registry.audit.append("note", "", {})
    assert registry.integrity.faults() == []


def test_a_head_by_a_retired_verifier_is_found(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.audit.append("note", "", {})
    old = registry.keys.verifier()
    registry.keys.rotate("verifier")
    monkeypatch.setattr(registry.keys, "verifier", lambda: old)
    registry.audit.append("note", "", {})
    assert any("is signed by verifier, whose key was retired on" in fault for fault in registry.integrity.faults())


def test_who_rotates_a_key_stays_the_same_person(registry: Home) -> None:
    old = registry.keys.me().identity
    new = registry.keys.rotate("anna")
    assert (new.name, registry.keys.me().identity) == ("anna-2", new)
    third = registry.keys.rotate("anna-2")
    assert third.name == "anna-3"
    assert {registry.keys.first_of(one.fingerprint) for one in (old, new, third)} == {old.fingerprint}
    assert registry.keys.me("anna").identity == third
    with pytest.raises(UserError, match="the key of 'anna' was retired already"):
        registry.keys.rotate("anna")
    assert registry.integrity.faults() == []


def test_a_key_that_is_retired_does_nothing_any_more(registry: Home) -> None:
    registry.keys.me()
    registry.keys.make("bob")
    registry.keys.retire("bob")
    with pytest.raises(UserError, match=r"the key of 'bob' was retired on 2.* UTC") as caught:
        registry.keys.me("bob")
    assert "RUNG_IDENTITY" in caught.value.hint
    with pytest.raises(UserError, match=r"was retired on .* already"):
        registry.keys.retire("bob")
    registry.keys.retire("bob", "2026-01-01T00:00:00.000+00:00")
    with pytest.raises(UserError, match="was compromised since 2026-01-01 00:00 UTC already"):
        registry.keys.retire("bob", "2026-02-01T00:00:00.000+00:00")
    registry.keys.retire("bob", "2025-12-01T00:00:00.000+00:00")
    assert registry.keys.endings()[registry.keys.get("bob").fingerprint].since == "2025-12-01T00:00:00.000+00:00"
    registry.keys.retire("anna")
    with pytest.raises(UserError, match="the key of 'anna' was retired on"):
        registry.keys.me()
    assert registry.integrity.faults() == []


def test_a_key_that_lies_elsewhere_is_rotated_by_its_public_half(
    registry: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    registry.keys.add("carol", public(before))
    file = tmp_path / "id"
    file.write_bytes(before.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    file.chmod(0o600)
    assert registry.keys.me(str(file)).identity.name == "carol"
    with pytest.raises(UserError, match="the private key of 'carol' is not in this home") as caught:
        registry.keys.rotate("carol")
    assert "rung keys rotate carol KEY" in caught.value.hint
    assert registry.keys.rotate("carol", public(after)).name == "carol-2"
    with pytest.raises(UserError, match="the key of 'carol' was retired on"):
        registry.keys.me(str(file))
    with pytest.raises(UserError, match="this key is known already"):
        registry.keys.rotate("carol-2", public(before))
    assert registry.keys.get("carol-2").fingerprint not in registry.keys.endings()
    with pytest.raises(UserError, match="the verifier's key is made here"):
        registry.keys.rotate("verifier", public(Ed25519PrivateKey.generate()))


def test_since_when_is_the_beginning_of_a_day_or_a_moment_that_was() -> None:
    now = "2026-11-26T12:00:00.000+00:00"
    assert read_since("2026-11-03", now) == "2026-11-03T00:00:00.000+00:00"
    assert read_since("2026-11-03T14:30+01:00", now) == "2026-11-03T13:30:00.000+00:00"
    with pytest.raises(UserError, match="is yet to come"):
        read_since("2026-11-27", now)
    with pytest.raises(UserError, match="is no moment"):
        read_since("last week", now)
