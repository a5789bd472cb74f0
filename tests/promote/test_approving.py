"""Where a wrong answer costs much, another person than the maker has to agree, and the agreement ends."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from databases import tampering
from shipped import none_at_hand, ship

from rung.errors import UserError
from rung.promote.approving import approve
from rung.promote.promoting import Promotion, promote
from rung.registry.approvals import APPROVALS, until
from rung.registry.home import Home

GOOD = [1.0] * 90 + [0.0] * 10


@pytest.fixture
def bob(registry: Home) -> str:
    return registry.keys.make("bob").name


def to_champion(home: Home, **options: object) -> Promotion:
    return promote(home, "tone", "champion", load=none_at_hand, **options)  # type: ignore[arg-type]


def refused(done: Promotion) -> str:
    assert done.refused
    return "; ".join(condition.said for condition in done.set_aside)


def clock(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    for module in ("audit", "chain", "db", "aliases", "names", "keys"):
        monkeypatch.setattr(f"rung.registry.{module}.now", lambda: moment, raising=False)


def test_at_high_consequence_another_person_approves_before_anything_is_promoted(registry: Home, bob: str) -> None:
    ship(registry, GOOD, consequence="high")
    assert "nobody has approved it" in refused(to_champion(registry))
    done = approve(registry, "tone@1", "7d", bob)
    assert (done.approver, done.approval.version, done.alone) == ("bob", 1, True)
    promoted = to_champion(registry)
    assert not promoted.refused
    assert promoted.conditions[-1].said.startswith("by bob, until ")
    assert [line.kind for line in registry.audit.lines("tone@1")] == ["register", "receipt", "approval"]
    assert registry.integrity.faults() == []


def test_the_maker_cannot_approve(registry: Home, bob: str) -> None:
    ship(registry, GOOD, consequence="high")
    with pytest.raises(UserError, match="anna made tone@1, and cannot approve it"):
        approve(registry, "tone", "7d")
    # Nor by an approval that was signed beside the command.
    real = approve(registry, "tone", "7d", bob).approval
    me = registry.keys.me()
    forged = replace(real, approver=me.identity.fingerprint, maker="", created=real.created)
    with tampering(registry.path) as raw:
        raw.execute("DELETE FROM approvals")
    registry.approvals.add(forged, me)
    assert "anna made it, and cannot approve it" in refused(to_champion(registry))


def test_an_approval_that_expired_does_not_promote_and_a_clock_that_goes_back_does_not_bring_it_back(
    registry: Home, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(registry, GOOD, consequence="high")
    expires = approve(registry, "tone", "30m", bob).approval.expires
    clock(monkeypatch, until(expires, "1m"))
    assert "the approval by bob expired at" in refused(to_champion(registry))
    registry.audit.append("note", "", {"any": "thing that is written while the clock is right"})
    clock(monkeypatch, "2020-01-01T00:00:00.000+00:00")
    assert "the approval by bob expired at" in refused(to_champion(registry))
    renewed = approve(registry, "tone", "1h", bob)
    assert renewed.approval.expires > expires, "the audit's last line is the least that the time can be"
    assert not to_champion(registry).refused
    assert registry.integrity.faults() == []
    assert any("the clock went back" in remark for remark in registry.integrity.remarks())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE approvals SET signer = 'ff'", "signed by a key that this home does not know"),
        ("UPDATE approvals SET body = replace(body, '\"version\":1', '\"version\":2')", "was changed"),
        ("UPDATE approvals SET signature = (SELECT signature FROM receipts)", "does not have bob's signature"),
        ("UPDATE identities SET kind = 'verifier' WHERE name = 'bob'", "signed by bob, who is no person"),
    ],
)
def test_a_foreign_or_changed_approval_does_not_count(registry: Home, bob: str, change: str, words: str) -> None:
    ship(registry, GOOD, consequence="high")
    approve(registry, "tone", "7d", bob)
    with tampering(registry.path) as raw:
        raw.execute(change)
    assert words in refused(to_champion(registry))


def test_an_approval_counts_for_its_receipt_alone(registry: Home, bob: str) -> None:
    ship(registry, GOOD, consequence="high")
    ship(registry, GOOD, consequence="high")
    old = approve(registry, "tone@1", "7d", bob).approval
    assert "nobody has approved it" in refused(to_champion(registry))
    moved = replace(old, version=2)
    signer = registry.keys.me("bob")
    APPROVALS.add(registry._database, registry.keys, signer, moved)
    assert "the approval by bob is for another receipt" in refused(to_champion(registry))


def test_where_the_maker_is_not_known_who_approves_does_not_promote(
    registry: Home, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(registry, GOOD, consequence="high", maker="")
    assert not approve(registry, "tone", "7d", bob).alone
    monkeypatch.setenv("RUNG_IDENTITY", "bob")
    assert "who made it is not known" in refused(to_champion(registry))
    monkeypatch.setenv("RUNG_IDENTITY", "anna")
    assert not to_champion(registry).refused


def test_break_glass_goes_by_the_approval_and_the_audit_says_so(registry: Home) -> None:
    ship(registry, GOOD, consequence="high")
    assert not to_champion(registry, break_glass="nobody else is awake").refused
    told = registry.audit.lines("tone@champion")
    assert [line.kind for line in told] == ["break-glass", "conditions"]
    assert told[0].payload["reason"] == "nobody else is awake"


@pytest.mark.parametrize("duration", ["", "7", "d", "-1d", "0d", "1.5d", "7 d", "1y", "9999999999w", "400d", "³d"])
def test_what_is_no_duration_is_refused(registry: Home, bob: str, duration: str) -> None:
    ship(registry, GOOD)
    with pytest.raises(UserError, match=r"no duration|too long"):
        approve(registry, "tone", duration, bob)
    assert registry.approvals.all() == []


def test_what_has_no_receipt_or_changed_since_cannot_be_approved(registry: Home, bob: str) -> None:
    version = ship(registry, GOOD, task="99" * 32)
    with pytest.raises(UserError, match=r"tone@1 has no receipt that could be approved: its receipt is for the lock 9999"):
        approve(registry, "tone", "7d", bob)
    version = ship(registry, GOOD)
    (digest,) = registry.candidates.get(version.candidate).adapters
    file = registry.blobs.local(digest) / "weights"
    file.chmod(0o644)
    file.write_bytes(b"other")
    with pytest.raises(UserError, match=r"tone@2 is not what was judged: the blob \w+ was changed"):
        approve(registry, "tone", "7d", bob)
