"""Calls that wait for a person: decided by another than who asked, in time, signed; begun once, and never again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rung.errors import UserError
from rung.registry.held_states import HeldCall, Wanted, shown_call
from rung.registry.home import Home
from rung.registry.keys import Signer

READ = {"name": "look", "arguments": {"id": 3}, "outcome": "ran", "result": "open", "seconds": 0.1}
SEND = {"name": "send", "arguments": {"to": "ann", "text": "hi"}, "outcome": "queued", "reason": "needs consent", "seconds": 0.0}
RAN = {"name": "send", "arguments": SEND["arguments"], "outcome": "ran", "result": "sent", "seconds": 0.2}


def wanted(**more: Any) -> Wanted:
    given: dict[str, Any] = {
        "tenant": "t1",
        "requester": "shop",
        "user": "",
        "asked": "chatcmpl-1",
        "session": "",
        "model": "desk",
        "ref": "desk@1",
        "candidate": "c" * 64,
        "messages": ({"role": "user", "content": "Write to Ann"},),
        "question": "q" * 64,
        "calls": (READ, SEND),
    }
    return Wanted(**{**given, **more})


@pytest.fixture
def bob(registry: Home) -> Signer:
    registry.keys.make("bob")
    return registry.keys.me("bob")


def allowed(registry: Home, bob: Signer, **more: Any) -> HeldCall:
    held = registry.held.hold(wanted(**more), "1d")
    return registry.held.decide(held, approve=True, signer=bob)


def test_what_is_asked_is_kept_and_found_by_its_id_and_by_its_tenant_alone(registry: Home) -> None:
    held = registry.held.hold(wanted(), "12h")
    assert (held.state, held.number, held.wanted) == ("waiting", 0, wanted())
    assert held.id.startswith("held-") and held.expires > held.created
    assert registry.held.get(held.id[:12]) == registry.held.get(held.id, "t1") == held
    for ref, tenant in ((held.id, "t2"), (held.id[:12], "t1"), ("held-nothing", None)):
        with pytest.raises(UserError, match="no call is held as"):
            registry.held.get(ref, tenant)
    assert registry.held.all(("waiting",)) == registry.held.all(tenant="t1") == [held]
    assert registry.held.all(tenant="t2") == registry.held.all(("done",)) == []
    assert registry.held.same_as(wanted()) == held
    assert registry.held.same_as(wanted(tenant="t2")) is None
    assert shown_call(SEND) == 'send(to="ann", text="hi")'


def test_what_waits_is_listed_however_many_were_decided_since(registry: Home, bob: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.registry.held.MOST_LISTED", 2)
    first = registry.held.hold(wanted(), "12h")
    decided = [allowed(registry, bob, question=str(number)) for number in range(3)]
    assert registry.held.all(("waiting",)) == [first]
    assert registry.held.all() == decided[:0:-1]


def test_an_allowed_call_is_begun_once_and_its_result_goes_into_the_conversation(registry: Home, bob: Signer) -> None:
    held = allowed(registry, bob)
    assert (held.state, held.by) == ("approved", bob.identity.fingerprint)
    begun = registry.held.begin(held)
    assert begun.state == "running" and begun.runner is not None
    with pytest.raises(UserError, match="is running meanwhile"):
        registry.held.begin(held)
    done = registry.held.finish(begun, [RAN])
    assert done.is_settled and done.made == (READ, RAN)
    for again in (begun, done):
        with pytest.raises(UserError):
            registry.held.begin(again)
    assert registry.integrity.faults() == []


def test_what_was_begun_by_one_who_is_gone_is_never_begun_again(registry: Home, bob: Signer) -> None:
    begun = registry.held.begin(allowed(registry, bob))
    lost = registry.held.lose(begun)
    assert lost.state == "unknown" and lost.is_settled
    assert "not known whether it was done" in lost.made[1]["reason"] and lost.made[1]["outcome"] == "failed"
    with pytest.raises(UserError):
        registry.held.begin(lost)


def test_a_person_refuses_in_words_that_the_model_is_told(registry: Home, bob: Signer) -> None:
    held = registry.held.decide(registry.held.hold(wanted(), "1d"), approve=False, signer=bob, reason="not to Ann")
    assert held.state == "refused" and held.made[1]["reason"] == "a person refused it: not to Ann"
    with pytest.raises(UserError, match="is refused: it cannot be approved"):
        registry.held.decide(held, approve=True, signer=bob)


def test_a_word_may_be_taken_back_before_anything_is_run(registry: Home, bob: Signer) -> None:
    held = registry.held.decide(allowed(registry, bob), approve=False, signer=bob)
    with pytest.raises(UserError):
        registry.held.begin(held)


@pytest.mark.parametrize("more", [{"requester": "Bob"}, {"user": "bob"}])
def test_who_asked_cannot_allow_it_but_may_take_it_back(registry: Home, bob: Signer, more: dict[str, str]) -> None:
    held = registry.held.hold(wanted(**more), "1d")
    with pytest.raises(UserError, match="bob asked for it, and cannot allow it"):
        registry.held.decide(held, approve=True, signer=bob)
    assert registry.held.decide(held, approve=False, signer=bob).state == "refused"


@pytest.fixture
def later(registry: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(registry.audit, "moment", lambda: "2999-01-01T00:00:00.000+00:00")


def test_time_that_is_over_is_over_for_both(registry: Home, bob: Signer, later: Callable[[], None]) -> None:
    waiting, approved = registry.held.hold(wanted(), "1m"), allowed(registry, bob, question="r" * 64)
    later()
    assert registry.held.standing(waiting) == registry.held.standing(approved) == "expired"
    with pytest.raises(UserError, match="is expired, since"):
        registry.held.decide(waiting, approve=True, signer=bob)
    with pytest.raises(UserError, match="is expired"):
        registry.held.begin(approved)
    assert registry.held.get(approved.id).made[1]["reason"] == "nobody allowed it in time"
    assert registry.held.all(("waiting", "approved")) == [] and registry.held.same_as(wanted()) is None


def test_of_two_who_decide_at_once_the_second_is_told(registry: Home, bob: Signer) -> None:
    held = registry.held.hold(wanted(), "1d")
    registry.held.decide(held, approve=True, signer=bob)
    with pytest.raises(UserError, match="is approved meanwhile"):
        registry.held.decide(held, approve=False, signer=bob)


def test_a_retired_key_allows_nothing(registry: Home, bob: Signer) -> None:
    held = allowed(registry, bob)
    registry.keys.make("carla")
    registry.keys.retire("bob")
    with pytest.raises(UserError, match="was allowed by bob, whose key was retired"):
        registry.held.begin(held)


@pytest.mark.sqlite
def test_a_decision_that_was_written_in_by_hand_allows_nothing_and_is_told_of(registry: Home) -> None:
    held = registry.held.hold(wanted(), "1d")
    said = {"held": held.id, "calls": held.wanted.digest, "state": "approved", "reason": ""}
    raw = sqlite3.connect(registry.path / "registry.db")
    raw.execute(
        "INSERT INTO held_events (held, number, state, who, body, signature, created) VALUES (?, 1, 'approved', ?, ?, 'x', '2026')",
        (held.id, registry.keys.verifier().identity.fingerprint, json.dumps(said)),
    )
    raw.commit()
    raw.close()
    with pytest.raises(UserError, match="bears no signature of a person"):
        registry.held.begin(registry.held.get(held.id))
    assert any(f"{held.id} in held_events is not in the audit" in fault for fault in registry.integrity.faults())


def test_a_decision_for_other_calls_does_not_hold(registry: Home, bob: Signer) -> None:
    held = allowed(registry, bob)
    other = replace(held, wanted=replace(held.wanted, calls=(READ, {**SEND, "arguments": {"to": "eve"}})))
    with pytest.raises(UserError, match="bears no signature"):
        registry.held.begin(other)
