"""Receipts and approvals by keys that have ended, and what was promoted on them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from shipped import none_at_hand, ship

from rung.errors import UserError
from rung.promote.approving import approve
from rung.promote.promoting import Promotion, promote
from rung.promote.standing import lapsed, resting_on_nothing
from rung.registry.home import Home

GOOD = [1.0] * 90 + [0.0] * 10
LONG_AGO = "2020-01-01T00:00:00.000+00:00"


def to_champion(home: Home, ref: str = "tone") -> Promotion:
    return promote(home, ref, "champion", load=none_at_hand)


def refused(done: Promotion) -> str:
    assert done.refused
    return "; ".join(condition.said for condition in done.set_aside)


def test_what_a_key_signed_before_it_was_retired_counts_and_what_it_signs_later_does_not(
    registry: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(registry, GOOD)
    old = registry.keys.verifier()
    registry.keys.rotate("verifier")
    assert not to_champion(registry).refused
    assert lapsed(registry) == [] == resting_on_nothing(registry)
    monkeypatch.setattr(registry.keys, "verifier", lambda: old)
    ship(registry, GOOD, created=LONG_AGO)  # whatever date it bears
    monkeypatch.undo()
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    assert "does not count any more: the key of verifier was retired on" in refused(to_champion(registry, "tone@2"))


def test_receipts_since_a_key_was_in_other_hands_do_not_hold_and_what_stands_on_them_is_named(registry: Home) -> None:
    ship(registry, GOOD)
    ship(registry, GOOD)
    to_champion(registry, "tone@1")
    since = registry.receipts.of("tone", 2)[0].created
    registry.keys.rotate("verifier", since=since)
    (first,), (second,) = registry.receipts.of("tone", 1), registry.receipts.of("tone", 2)
    if first.created < since:
        assert first.holds and resting_on_nothing(registry) == []
    assert not second.holds and second.faults == () and "was compromised since" in second.lapsed
    assert "was compromised since" in refused(to_champion(registry, "tone@2"))
    registry.keys.retire("verifier", LONG_AGO)
    (named,) = resting_on_nothing(registry)
    assert named.startswith("tone@champion stands for version 1 on a receipt that does not hold: the receipt")
    assert "was compromised since 2020-01-01 00:00 UTC" in named
    assert len(lapsed(registry)) == 2
    assert registry.integrity.faults() == []
    assert any("of the audit are as it was when the next one began" in remark for remark in registry.integrity.remarks())


def test_a_receipt_that_is_signed_anew_mends_what_stands(registry: Home) -> None:
    ship(registry, GOOD)
    to_champion(registry)
    registry.keys.rotate("verifier", since=LONG_AGO)
    assert len(resting_on_nothing(registry)) == 1
    registry.receipts.add(registry.receipts.of("tone", 1)[0].document.__class__(**_again(registry)))
    assert resting_on_nothing(registry) == []


def _again(home: Home) -> dict[str, object]:
    from dataclasses import fields

    known = home.receipts.of("tone", 1)[0].document
    return {one.name: getattr(known, one.name) for one in fields(known)} | {"remade": "0.1"}


def test_an_approval_by_a_key_in_other_hands_does_not_count(registry: Home) -> None:
    registry.keys.make("bob")
    ship(registry, GOOD, consequence="high")
    approve(registry, "tone", "7d", "bob")
    registry.keys.retire("bob", LONG_AGO)
    assert "the approval" in refused(to_champion(registry)) and "the key of bob was compromised since" in refused(
        to_champion(registry)
    )
    registry.keys.make("carol")
    approve(registry, "tone", "7d", "carol")
    assert not to_champion(registry).refused
    registry.keys.retire("carol")
    assert registry.approvals.all()[-1].holds, "what she signed before is as good as it was"


def test_the_maker_is_the_maker_under_a_new_key_as_well(registry: Home) -> None:
    ship(registry, GOOD, consequence="high")
    registry.keys.rotate("anna")
    with pytest.raises(UserError, match="anna-2 made tone@1, and cannot approve it"):
        approve(registry, "tone", "7d")
