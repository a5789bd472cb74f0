"""Keys: shown once and stored as a salted hash; they expire, are revoked, and are rotated with an overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from databases import tampering

from rung.errors import UserError
from rung.registry import audit
from rung.registry.api_keys import later
from rung.registry.home import Home


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the wall clock is ahead."""
    ahead = [0.0]

    def now() -> str:
        return (datetime.now(UTC) + timedelta(seconds=ahead[0])).isoformat(timespec="milliseconds")

    monkeypatch.setattr(audit, "now", now)
    return ahead


def test_a_key_is_known_by_what_was_shown_and_stored_nowhere(registry: Home) -> None:
    shown, key = registry.api_keys.make("tenant", "tenant-1", label="ci", who="anna")
    assert registry.api_keys.check(shown) == key == registry.api_keys.find(key.id)
    assert shown.startswith(f"rk-{key.id}-")
    secret = shown.rpartition(f"{key.id}-")[2]
    with tampering(registry.path) as raw:
        names = ("api_keys", "audit", "tenant_changes", "heads")
        for name in names:
            assert secret not in str(list(raw.execute(f"SELECT * FROM {name}")))
    assert not any(secret.encode() in file.read_bytes() for file in registry.path.rglob("*") if file.is_file())


def test_what_is_no_key_is_nobodys(registry: Home) -> None:
    shown, key = registry.api_keys.make("tenant", "tenant-1")
    other, _ = registry.api_keys.make("tenant", "tenant-2")
    swapped = f"rk-{key.id}-{other[-43:]}"
    for wrong in ("", "rk", "rk--", shown[:-1], shown + "x", shown.replace("rk-", "rka-"), shown.upper(), swapped, f" {shown}"):
        assert registry.api_keys.check(wrong) is None
    assert registry.api_keys.check(f"rk-{'0' * 16}-{shown[-43:]}") is None
    assert registry.api_keys.check("rk-" + "\u0660" * 16 + "-" + "a" * 43) is None


def test_an_admins_key_is_of_another_kind(registry: Home) -> None:
    shown, key = registry.api_keys.make("admin", label="anna")
    assert shown.startswith("rka-")
    assert registry.api_keys.check(shown) == key
    assert registry.api_keys.check("rk-" + shown.removeprefix("rka-")) is None
    assert registry.api_keys.of(kind="admin") == [key]
    assert registry.api_keys.of("") == []


def test_a_key_ends_when_it_expires_and_a_clock_that_goes_back_does_not_revive_it(registry: Home, clock: list[float]) -> None:
    shown, key = registry.api_keys.make("tenant", "tenant-1", lasts="12h")
    clock[0] = 11 * 3600
    assert registry.api_keys.check(shown) == key
    clock[0] = 12 * 3600 + 1
    assert registry.api_keys.check(shown) is None
    with pytest.raises(UserError, match="has ended already"):
        registry.api_keys.revoke(key)


def test_a_revoked_key_holds_no_longer(registry: Home) -> None:
    shown, key = registry.api_keys.make("tenant", "tenant-1")
    ended = registry.api_keys.revoke(key, who="bob", reason="leaked")
    assert registry.api_keys.check(shown) is None
    assert ended.why == "revoked"
    with pytest.raises(UserError, match="has ended already"):
        registry.api_keys.revoke(key)
    assert registry.integrity.faults() == []


def test_a_rotated_key_holds_for_the_overlap_and_is_named_by_its_successor(registry: Home, clock: list[float]) -> None:
    shown, key = registry.api_keys.make("tenant", "tenant-1", label="ci")
    fresh, successor = registry.api_keys.rotate(key, overlap="1h")
    assert successor.label == "ci"
    old = registry.api_keys.check(shown)
    assert old is not None
    assert (old.successor, old.why) == (successor.id, "rotated")
    clock[0] = 3601
    assert registry.api_keys.check(shown) is None
    assert registry.api_keys.check(fresh) == successor


def test_one_that_is_rotated_can_be_revoked_before_the_overlap_ends(registry: Home) -> None:
    shown, key = registry.api_keys.make("tenant", "tenant-1")
    registry.api_keys.rotate(key, overlap="30d")
    registry.api_keys.revoke(key)
    assert registry.api_keys.check(shown) is None


def test_a_key_is_found_by_its_beginning_and_a_whole_one_is_never_told(registry: Home) -> None:
    shown, key = registry.api_keys.make("tenant", "tenant-1")
    for ref in (key.id, key.id[:4], key.begins, shown):
        assert registry.api_keys.get(ref) == key
    for ref in ("", "rk-", key.id[:3], "%", "rk-ffff-" + shown[-43:]):
        with pytest.raises(UserError, match="no key begins like that") as caught:
            registry.api_keys.get(ref)
        assert shown[-43:] not in str(caught.value)


@pytest.mark.parametrize("lasts", ["1", "h", "-1h", "1w", "999999999d", "1h1m", "inf"])
def test_a_time_that_is_none(lasts: str) -> None:
    with pytest.raises(UserError, match="is no time"):
        later("2026-11-03T00:00:00.000+00:00", lasts)


def test_a_key_that_was_put_in_or_changed_is_found(registry: Home) -> None:
    _, key = registry.api_keys.make("tenant", "tenant-1")
    with tampering(registry.path) as raw:
        raw.execute("UPDATE api_keys SET tenant = 'tenant-2'")
    assert any(f"{key.id} in api_keys was changed" in fault for fault in registry.integrity.faults())
    registry.api_keys.revoke(key)
    with tampering(registry.path) as raw:
        raw.execute("DELETE FROM api_key_ends")
    assert any(f"{key.id} is gone from api_key_ends" in fault for fault in registry.integrity.faults())
