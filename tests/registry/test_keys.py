"""Identities: private keys that their owner alone can read and that stand nowhere else, public ones that everybody knows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from rung.errors import BrokenEnvironment, RungError, UserError
from rung.registry.home import Home, open_home


@pytest.fixture(autouse=True)
def anna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)


def ssh_line(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + " carol@example.com\n"


def test_a_key_is_made_on_first_need_and_is_the_same_afterwards(registry: Home) -> None:
    assert registry.keys.all() == []
    me, verifier = registry.keys.me().identity, registry.keys.verifier().identity
    assert (me.name, me.kind, verifier.name, verifier.kind) == ("anna", "person", "verifier", "verifier")
    with open_home(write=True) as again:
        assert again.keys.me().identity.fingerprint == me.fingerprint
        assert {one.name for one in again.keys.all()} == {"anna", "verifier"}
        assert again.keys.get(me.fingerprint[:10]).name == "anna"
        assert again.integrity.faults() == []
    for name in ("anna", "verifier"):
        assert (registry.keys.folder / f"{name}.key").stat().st_mode & 0o777 == 0o600
    assert registry.keys.folder.stat().st_mode & 0o777 == 0o700


def test_a_private_key_stands_in_its_own_file_alone(registry: Home, home: Path) -> None:
    registry.keys.make("bob")
    registry.audit.append("note", "x", {"a": 1})
    secrets = []
    for file in registry.keys.folder.glob("*.key"):
        body = file.read_text().splitlines()[1]
        secrets += [body.encode(), body[-20:].encode()]
    for file in home.rglob("*"):
        if file.is_file() and file.suffix != ".key":
            assert not any(secret in file.read_bytes() for secret in secrets), file


def test_a_signature_is_of_one_document_for_one_purpose_by_one_key(registry: Home) -> None:
    signer, other = registry.keys.me(), registry.keys.make("bob")
    signature = signer.sign("receipt", {"a": 1})
    assert signer.identity.signed("receipt", {"a": 1}, signature)
    assert not signer.identity.signed("receipt", {"a": 2}, signature)
    assert not signer.identity.signed("approval", {"a": 1}, signature)
    assert not other.signed("receipt", {"a": 1}, signature)
    for broken in ("", "no base64 ?", signature[:-4]):
        assert not signer.identity.signed("receipt", {"a": 1}, broken)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_private_key_that_others_can_read_is_not_used(registry: Home, mode: int) -> None:
    registry.keys.me()
    (registry.keys.folder / "anna.key").chmod(mode)
    with open_home(write=True) as again, pytest.raises(BrokenEnvironment, match="can be read by others") as caught:
        again.keys.me()
    assert "chmod 600" in str(caught.value.hint)


def test_another_persons_key_is_added_as_it_is_written(registry: Home, tmp_path: Path) -> None:
    carol, dave, erin = (Ed25519PrivateKey.generate() for _ in range(3))
    added = registry.keys.add("carol", ssh_line(carol))
    assert added.public.startswith("ed25519:")
    (tmp_path / "id_ed25519.pub").write_text(ssh_line(dave))
    registry.keys.add("dave", str(tmp_path / "id_ed25519.pub"))
    pem = erin.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    registry.keys.add("erin", pem)
    with pytest.raises(UserError, match="this key is known already: it is carol's"):
        registry.keys.add("carla", added.public)
    with pytest.raises(UserError, match="'carol' already, with another key"):
        registry.keys.add("carol", "ed25519:" + "A" * 43 + "=")
    assert not registry.keys.has_private(added)
    assert registry.integrity.faults() == []


@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_a_private_key_given_for_a_public_one_is_refused_and_not_repeated(
    registry: Home, passphrase: bytes | None, tmp_path: Path
) -> None:
    how = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    form = PrivateFormat.OpenSSH if passphrase is None else PrivateFormat.PKCS8
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, form, how).decode()
    (tmp_path / "id").write_text(text)
    for given in (text, str(tmp_path / "id")):
        with pytest.raises(UserError, match="this is a private key") as caught:
            registry.keys.add("carol", given)
        assert text.splitlines()[1] not in caught.value.message


@pytest.mark.parametrize(
    "given", ["", "ed25519:", "ed25519:AAAA", "ed25519:???", "ssh-ed25519 AAAA", "ssh-rsa AAAAB3NzaC1yc2E", "nowhere.pub", "\0"]
)
def test_what_is_no_public_key_is_refused(registry: Home, given: str) -> None:
    with pytest.raises(UserError, match="public key"):
        registry.keys.add("carol", given)
    assert registry.keys.all() == []


def test_keys_of_another_kind_are_refused(registry: Home) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    for encoding, form in ((Encoding.OpenSSH, PublicFormat.OpenSSH), (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        with pytest.raises(UserError, match="this is no Ed25519 public key"):
            registry.keys.add("carol", key.public_bytes(encoding, form).decode())


@pytest.mark.parametrize("name", ["", "../anna", "a b", ".hidden", "verifier", "verifier-2", "a/b", "ä"])
def test_names_that_cannot_be(registry: Home, name: str) -> None:
    with pytest.raises(UserError, match=r"cannot be an identity's name|kept for the home's own key"):
        registry.keys.make(name)


def test_who_acts_is_who_the_environment_names(registry: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carol = Ed25519PrivateKey.generate()
    file = tmp_path / "id_ed25519"
    file.write_bytes(carol.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    file.chmod(0o600)
    monkeypatch.setenv("RUNG_IDENTITY", str(file))
    with pytest.raises(UserError, match="this home does not know this key") as caught:
        registry.keys.me()
    assert "rung keys add NAME 'ed25519:" in caught.value.hint
    registry.keys.add("carol", ssh_line(carol))
    assert registry.keys.me().identity.name == "carol"
    assert registry.keys.me("anna" if registry.keys.make("anna") else None).identity.name == "anna"
    monkeypatch.setenv("RUNG_IDENTITY", "carol")
    with pytest.raises(UserError, match="the private key of 'carol' is not in this home"):
        registry.keys.me()
    monkeypatch.setenv("RUNG_IDENTITY", "zoe")
    with pytest.raises(UserError, match="the home knows no identity 'zoe'"):
        registry.keys.me()
    monkeypatch.setenv("RUNG_IDENTITY", "verifier")
    registry.keys.verifier()
    with pytest.raises(UserError, match="not a person"):
        registry.keys.me()


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_holds_no_key_is_said(registry: Home, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(UserError, match="this is no Ed25519 private key"):
        registry.keys.me(str(file))


def test_a_key_with_a_passphrase_is_said(registry: Home, tmp_path: Path) -> None:
    file = tmp_path / "key"
    how = BestAvailableEncryption(b"x" * 12)
    file.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    file.chmod(0o600)
    with pytest.raises(UserError, match="has a passphrase"):
        registry.keys.me(str(file))


def test_a_key_that_was_lost_is_not_made_anew_under_its_name(registry: Home) -> None:
    registry.keys.me()
    (registry.keys.folder / "anna.key").unlink()
    with open_home(write=True) as again, pytest.raises(UserError, match="the private key of 'anna' is not in this home"):
        again.keys.me()


def test_a_home_whose_verifiers_key_is_gone_goes_on_with_another_and_tells_of_it(registry: Home) -> None:
    registry.audit.append("note", "", {})
    assert registry.integrity.remarks() == []
    (registry.keys.folder / "verifier.key").unlink()
    with open_home(write=True) as again:
        again.audit.append("note", "", {})
        assert again.keys.verifier().identity.name == "verifier-2"
        assert again.integrity.faults() == []
        assert "verifier-2 signs since" in again.integrity.remarks()[0]


def test_a_key_that_was_put_in_the_place_of_another_is_not_used(registry: Home) -> None:
    registry.keys.me()
    registry.keys.make("bob")
    (registry.keys.folder / "anna.key").unlink()
    (registry.keys.folder / "bob.key").rename(registry.keys.folder / "anna.key")
    with open_home(write=True) as again, pytest.raises(UserError, match="is not the one that the home knows"):
        again.keys.me()


@pytest.mark.parametrize("user", ["dom\\anna", "anna smith", "", ".", "verifier", "Änna"])
def test_whoever_is_logged_in_has_a_name_that_can_be(registry: Home, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: user)
    assert registry.keys.me().identity.kind == "person"


def test_a_user_without_a_name_has_one_too(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", none)
    assert registry.keys.me().identity.name.startswith("user-")


def test_a_killed_maker_of_a_key_leaves_it_to_be_used(registry: Home) -> None:
    """The file is written before the table: whoever comes next enters the key that is there."""
    registry.keys._private("anna")
    assert registry.keys.all() == []
    before = (registry.keys.folder / "anna.key").read_bytes()
    registry.keys.me()
    assert (registry.keys.folder / "anna.key").read_bytes() == before


@pytest.mark.sqlite
def test_identities_are_append_only(registry: Home) -> None:
    registry.keys.me()
    raw = sqlite3.connect(registry.path / "registry.db")
    for statement in ("DELETE FROM identities", "UPDATE audit SET kind = ''", "DELETE FROM heads", "DELETE FROM receipts"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only") if "receipts" not in statement else _nothing():
            raw.execute(statement)
        raw.rollback()
    raw.close()


def _nothing() -> object:
    from contextlib import nullcontext

    return nullcontext()


def test_every_refusal_says_how_to_mend_it(registry: Home) -> None:
    for refused in (lambda: registry.keys.get("x"), lambda: registry.keys.add("x", "y"), lambda: registry.keys.me("nobody")):
        with pytest.raises(RungError) as caught:
            refused()
        assert caught.value.hint
