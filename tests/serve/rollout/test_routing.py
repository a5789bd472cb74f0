"""Who asks meets one version, always the same; one that was rolled back answers nobody from then on, wherever they stand."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from played_door import Door, answered, asked, known, resolved, started
from shipped import ship

from rung.errors import UserError
from rung.promote.promoting import promote
from rung.registry.home import Home, open_home
from rung.registry.rollout_states import Rollout, RolloutChange
from rung.serve.rollout import by_hand
from rung.serve.rollout.sticky import unit_of
from rung.serve.types import Tenant

SECRET = "00" * 16


def canary(home: Home, **wanted: Any) -> Rollout:
    """A rollout of 30%, or as it is wanted."""
    return started(home, **({} if {"canary", "steps"} & set(wanted) else {"canary": "30%"}), **wanted)


def test_an_arm_is_sticky_to_the_user_then_the_session_then_the_beginning_of_the_conversation() -> None:
    def place(**fields: Any) -> str:
        return unit_of(asked(**fields), SECRET).name

    user = place(id="a1", user="eve")
    assert user == place(id="a2", user="eve", session="s1", model="spam@champion")
    assert len({user, place(user="bob"), place(session="eve"), place(user="eve", tenant=Tenant(id="other", name="other"))}) == 4
    assert place(id="a1", session="s") == place(id="a9", session="s")
    first = {"role": "user", "content": "hello"}
    later = (first, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "and now?"})
    assert place(messages=(first,)) == place(messages=later) != place(messages=({"role": "user", "content": "other"},))
    assert place(messages=()) and place(user="\ud800")
    assert unit_of(asked(user="eve"), "11" * 16).name != user, "another rollout deals anew"
    assert all(0 <= unit_of(asked(user=str(number)), SECRET).place < 1 for number in range(50))


def test_the_share_of_those_who_ask_meet_the_candidate_and_who_met_it_meets_it_at_a_larger_share(spam: Home) -> None:
    rollout, door = canary(spam, steps="10%,50%"), Door(spam)
    users = [f"u{number}" for number in range(600)]
    first = {user for number, user in enumerate(users) if door.ask(f"a{number}", user=user).version == 2}
    assert 30 < len(first) < 95
    assert first == {user for user in users if door.ask("again", user=user, session="other").version == 2}
    spam.rollouts.change(rollout, RolloutChange(state="running", kind="advanced", step=1))
    door.router.look()
    second = {user for user in users if door.ask("more", user=user).version == 2}
    assert first < second and 230 < len(second) < 370


def test_a_name_and_its_champion_are_routed_and_who_names_a_version_gets_it(spam: Home) -> None:
    rollout, door = canary(spam, canary="99%"), Door(spam)
    for model in ("spam", "spam@champion"):
        served = [door.ask(f"a{number}", model) for number in range(40)]
        assert {(one.rollout, one.arm) for one in served} >= {(rollout.id, "candidate")}
        assert {one.ref for one in served} == {"spam@1", "spam@2"} or all(one.version == 2 for one in served)
    for model, version in (("spam@1", 1), ("spam@2", 2)):
        assert {(one.version, one.rollout) for one in [door.ask(f"b{n}", model) for n in range(20)]} == {(version, "")}
    spam.aliases.move("spam", "blue", 1, expected=0, kind="set")
    assert door.ask("c", "spam@blue").rollout == ""
    ship(spam, [1.0] * 60, name="tone")
    assert door.ask("d", "tone").rollout == ""


def test_after_a_rollback_no_question_is_answered_by_it_not_even_one_that_was_routed_before(spam: Home) -> None:
    rollout, door = canary(spam, canary="99%"), Door(spam)
    other = Door(spam)
    assert door.ask("a").version == other.ask("b").version == 2

    def rolled_back() -> None:
        by_hand.abort(spam, known(spam, rollout), "complaints")
        door.router.look()
        other.router.look()

    assert door.ask("c", before=rolled_back).version == 1
    for model in ("spam", "spam@champion"):
        assert [one.ask(f"d{n}", model).version for one in (door, other) for n in range(20)] == [1] * 40
    assert Door(spam).ask("e").version == 1, "a server that begins now knows it too"
    assert known(spam, rollout).said == "complaints"
    # Somebody makes it the champion nevertheless: then that is what they have.
    assert not promote(spam, "spam@2", "champion", load=lambda _: None, break_glass="it was not its fault").refused
    door.router.look()
    assert door.ask("f").version == 2


def test_where_nothing_is_the_champion_any_more_a_name_is_the_newest_version_that_was_not_rolled_back(spam: Home) -> None:
    rollout = canary(spam)
    by_hand.abort(spam, rollout, "")
    spam.aliases.move("spam", "champion", None, expected=None, kind="remove")
    assert Door(spam).ask("a").version == 1


def test_while_it_is_paused_the_champion_answers_everybody_and_its_time_stands_still(
    spam: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout, door = canary(spam, canary="99%", lasts="7d"), Door(spam)
    assert door.ask("a").version == 2
    paused = by_hand.pause(spam, rollout)
    assert by_hand.pause(spam, paused) == paused
    # What was routed before, and does not stand any more, is routed anew.
    assert door.ask("b", before=door.router.look).version == 1
    assert door.ask("c").version == 1
    later = "2027-02-01T00:00:00.000+00:00"
    monkeypatch.setattr("rung.registry.audit.now", lambda: later)
    resumed = by_hand.resume(spam, paused)
    assert resumed.ends[:7] == "2027-02" and resumed.state == "running" and resumed.said == rollout.said
    door.router.look()
    assert door.ask("d").version == 2
    assert by_hand.resume(spam, resumed) == resumed
    by_hand.stop(spam, resumed, "")
    with pytest.raises(UserError, match="the rollout of spam is stopped: it cannot be running now"):
        by_hand.resume(spam, known(spam, rollout))


def test_a_champion_that_is_moved_by_hand_ends_the_rollout_and_is_routed_at_once(spam: Home) -> None:
    rollout, door = canary(spam, canary="99%"), Door(spam)
    ship(spam, [1.0] * 60, name="spam")
    assert not promote(spam, "spam@3", "champion", load=lambda _: None).refused
    door.router.look()
    assert {Door(spam).ask(f"a{n}", "spam@champion").version for n in range(3)} == {3}
    door.router.work()
    assert (known(spam, rollout).state, known(spam, rollout).said) == ("stopped", "the champion is version 3 meanwhile")


def test_a_candidate_that_is_promoted_by_hand_ends_the_rollout_as_promoted_and_goes_on_to_answer(spam: Home) -> None:
    rollout, door = canary(spam, canary="99%"), Door(spam)
    served = door.ask("a")
    assert not promote(spam, "spam@2", "champion", load=lambda _: None).refused
    door.router.work()
    door.router.look()
    assert known(spam, rollout).state == "promoted"
    assert door.router.stands(served) and door.ask("b").version == 2


def test_where_the_registry_cannot_be_read_routing_goes_on_by_what_was_seen_last(
    spam: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout, door = canary(spam, canary="99%"), Door(spam)
    monkeypatch.setattr("rung.registry.servers.BUSY_TIMEOUT_MS", 1)

    def gone(*_: object, **__: object) -> None:
        from rung.errors import BrokenEnvironment

        raise BrokenEnvironment("the registry is gone")

    with monkeypatch.context() as patched:
        for shelf, method in ((spam.rollouts, "all"), (spam.rollouts, "observe"), (spam.rollouts, "answers")):
            patched.setattr(shelf, method, gone)
        door.router.look()
        question = asked("a", user="u")
        served = door.router.route(question, resolved(spam, "spam"))
        assert served.rollout == rollout.id and door.router.stands(served)
        door.router.seen(question, served, answered())
        door.rates("a", "up")
        door.router.work()
        assert door.router.figures().fault == "the registry is gone" and door.router.figures().waiting == 2
    door.router.work()
    door.router.work()
    door.router.look()
    assert door.router.figures().fault == "" and door.router.figures().waiting == 0
    assert [row.kind for row in spam.rollouts.observed(rollout.id)] == ["answer", "feedback"]


def test_another_process_that_holds_the_registry_keeps_no_question_waiting(spam: Home) -> None:
    rollout, door = canary(spam, canary="99%"), Door(spam)
    raw = sqlite3.connect(spam.path / "registry.db")
    raw.isolation_level = None
    raw.execute("BEGIN IMMEDIATE")
    try:
        question = asked("a", user="u")
        served = door.router.route(question, resolved(spam, "spam"))
        door.router.seen(question, served, answered())
        door.router.look()
        assert served.rollout == rollout.id
    finally:
        raw.execute("ROLLBACK")
        raw.close()


def test_servers_of_one_home_know_of_a_rollback_within_a_second(spam: Home) -> None:
    import time

    from rung.serve.rollout import open_router

    rollout = canary(spam, canary="99%")
    with open_home(write=True) as other:
        router = open_router(other)
        router.start()
        try:
            served = router.route(asked("a"), resolved(spam, "spam"))
            assert router.stands(served)
            by_hand.abort(spam, known(spam, rollout), "")
            time.sleep(1.0)
            assert not router.stands(served)
            assert router.route(asked("b"), resolved(spam, "spam")).version == 1
        finally:
            router.close()
