"""What is seen of answers rolls back what does harm, moves on what does none, and waits for what promotion asks for."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

import pytest
from played_door import JSON, Door, answered, asked, judged, known, none_at_hand, resolved, started
from shipped import ship

from rung.promote.promoting import promote
from rung.registry.home import Home, open_home
from rung.registry.rollout_states import Rollout
from rung.serve.rollout import by_hand
from rung.serve.rollout.begin import Wanted, begin
from rung.serve.types import Feedback, Outcome, Served
from rung.types import Answer


def rated(door: Door, number: int, good: Callable[[Served], float], rng: random.Random) -> None:
    """Somebody new asks, and says what they think."""
    served = door.ask(f"a{number}", user=f"u{number}")
    door.rates(f"a{number}", "up" if rng.random() < good(served) else "down")


def until(door: Door, rollout: Rollout, good: Callable[[Served], float], most: int = 3000, every: int = 100) -> Rollout:
    """Goes on until something has become of it."""
    rng = random.Random(7)
    for number in range(most):
        rated(door, number, good, rng)
        if number % every == every - 1:
            door.router.work()
            door.router.work()
            now = known(door.home, rollout)
            if (now.state, now.step) != (rollout.state, rollout.step):
                return now
    return known(door.home, rollout)


def test_a_candidate_that_people_like_less_is_rolled_back_with_its_evidence_in_the_audit(spam: Home) -> None:
    rollout, door = started(spam, canary="40%"), Door(spam)
    ended = until(door, rollout, lambda served: 0.85 if served.version == 1 else 0.4)
    assert ended.state == "rolled-back" and "feedback" in ended.said and "worse by more than 5 points" in ended.said
    asked_then = len(door.said)
    for number in range(60):
        door.ask(f"b{number}", user=f"u{number}")
    assert set(door.said[asked_then:]) == {1}
    line = spam.audit.lines(rollout.id)[-1]
    assert line.payload["state"] == "rolled-back"
    evidence = line.payload["evidence"]["feedback"]
    assert evidence["worse"] and evidence["whole"]["harm"] >= 200 and min(evidence["whole"]["n"]) > 10
    assert (spam.aliases.at("spam", "champion") or pytest.fail()).version == 1
    assert spam.integrity.faults() == []
    # What is said of its answers later counts no more.
    door.rates("a1", "up")
    door.router.work()
    assert known(spam, rollout) == ended


def test_one_that_is_as_good_goes_from_step_to_step_and_is_promoted_on_its_receipt(spam: Home) -> None:
    rollout, door = started(spam, steps="30%,50%,100%"), Door(spam)
    second = until(door, rollout, lambda _: 0.97)
    assert (second.state, second.step, second.share) == ("running", 1, 0.5) and "no harm is shown at 30%" in second.said
    door.said.clear()
    promoted = until(door, second, lambda _: 0.97, every=200)
    assert (promoted.state, promoted.step) == ("promoted", 2)
    move = spam.aliases.at("spam", "champion")
    assert move is not None and (move.version, move.kind) == (2, "promote") and move.receipt
    kinds = [event.kind for event in spam.rollouts.events(rollout.id)]
    assert kinds == ["begun", "advanced", "promoted"]
    assert door.ask("z").version == 2 and spam.integrity.faults() == []
    back = by_hand.abort(spam, promoted, "complaints by mail")
    move = spam.aliases.at("spam", "champion")
    assert back.state == "rolled-back" and move is not None and (move.version, move.kind) == (1, "rollback")
    door.router.look()
    assert {door.ask(f"y{number}").version for number in range(30)} == {1}


def test_a_candidate_that_cannot_answer_is_rolled_back_within_a_few_of_its_questions(spam: Home) -> None:
    rollout, door = started(spam, canary="10%"), Door(spam, answer=lambda served: "" if served.version == 2 else "yes")
    for number in range(400):
        door.ask(f"a{number}")
        door.router.work()
        if known(spam, rollout).state != "running":
            break
    assert known(spam, rollout).state == "rolled-back" and door.said.count(2) <= 8


def test_that_it_answers_is_no_reason_to_promote_it_and_at_its_end_what_is_missing_is_said(
    spam: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout, door = started(spam, canary="50%", lasts="1h"), Door(spam)
    for number in range(400):
        door.ask(f"a{number}")
    door.router.work()
    assert known(spam, rollout).state == "running"
    monkeypatch.setattr("rung.registry.audit.now", lambda: "2031-01-01T00:00:00.000+00:00")
    door.router.work()
    ended = known(spam, rollout)
    assert ended.state == "stopped" and "its time is over, undecided: nobody gave feedback, and no scorer" in ended.said
    assert {door.ask(f"b{number}").version for number in range(20)} <= {1, 2}
    assert door.ask("c", "spam@champion").version == 1


def test_a_clock_that_goes_back_ends_nothing_early_and_prolongs_nothing(spam: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout, door = started(spam, canary="50%", lasts="7d"), Door(spam)
    monkeypatch.setattr("rung.registry.audit.now", lambda: "2001-01-01T00:00:00.000+00:00")
    door.ask("a")
    door.router.work()
    assert known(spam, rollout).state == "running" and known(spam, rollout).ends == rollout.ends


def test_promotion_waits_for_another_person_and_harm_is_watched_for_meanwhile(spam: Home) -> None:
    ship(spam, [1.0] * 60, name="spam", consequence="high")
    rollout, door = started(spam, canary="50%", to="@3"), Door(spam)
    waiting = until(door, rollout, lambda _: 0.97, every=200)
    assert (
        waiting.state == "waiting" and waiting.share == 0.5 and "promotion waits: " in waiting.said and "approval" in waiting.said
    )
    before = len(spam.rollouts.events(rollout.id))
    door.router.judging._tried.clear()
    door.router.work()
    assert len(spam.rollouts.events(rollout.id)) == before, "what is waited for is said once"
    ended = until(door, waiting, lambda served: 0.95 if served.version == 1 else 0.2)
    assert ended.state == "rolled-back"


def test_two_servers_count_the_same_and_one_of_them_acts(spam: Home) -> None:
    rollout, door = started(spam, canary="40%"), Door(spam)
    with open_home(write=True) as second:
        other, rng = Door(second), random.Random(3)
        for number in range(1500):
            rated((door, other)[number % 2], number, lambda served: 0.9 if served.version == 1 else 0.4, rng)
            if number % 50 == 49:
                door.router.work()
                other.router.work()
                if known(spam, rollout).state != "running":
                    break
        for server in (door, other):
            server.router.work()
            server.router.look()
        tallies = [one.router.judging.tally(rollout) for one in (door, other)]
        seen = [[one.whole for one in tally.compared(0.4)] for tally in tallies]
        assert [one.n for one in seen[0]] == [one.n for one in seen[1]]
        assert [event.kind for event in spam.rollouts.events(rollout.id)] == ["begun", "rolled-back"]
        assert {one.ask(f"z{number}").version for one in (door, other) for number in range(20)} == {1}


def test_feedback_that_comes_before_its_answer_is_written_waits_for_it_and_what_is_of_none_is_let_go(spam: Home) -> None:
    time = [0.0]
    rollout, door = started(spam, canary="50%"), Door(spam, clock=lambda: time[0])
    door.rates("a0", "up")
    door.rates("nobody's", "up")
    door.router.heard(Feedback(answer="a0", correction="no"))
    door.router.work()
    assert door.router.figures().waiting == 2
    door.ask("a0")
    door.router.work()
    assert [(row.kind, dict(row.scores)) for row in spam.rollouts.observed(rollout.id)] == [
        ("answer", {"answered": 1.0}),
        ("feedback", {"feedback": 1.0}),
    ]
    time[0] += 61
    door.router.work()
    assert door.router.figures().waiting == 0


@pytest.mark.parametrize(
    ("ending", "worth"),
    [("answered", 1.0), ("withheld", 0.0), ("fallback", 0.0), ("late", 0.0), ("failed", 0.0), ("gone", 0.0), ("held", None)],
)
def test_an_answer_that_did_not_come_counts_as_does_one_that_nobody_waited_for(
    spam: Home, ending: Any, worth: float | None
) -> None:
    rollout, door = started(spam, canary="50%"), Door(spam)
    question = asked("a0")
    served = door.router.route(question, resolved(spam, "spam"))
    door.router.seen(question, served, Outcome(ending=ending, status=200, answer=Answer(text="x")))
    door.router.work()
    [row] = spam.rollouts.observed(rollout.id)
    assert row.scores.get("answered") == worth


def test_what_came_of_the_champion_in_the_place_of_a_version_that_was_taken_back_is_nobodys(spam: Home) -> None:
    rollout, door = started(spam, canary="99%"), Door(spam)
    question = asked("a0")
    served = door.router.route(question, resolved(spam, "spam"))
    assert served.version == 2
    door.router.seen(question, served, answered(fallback="spam@1"))
    door.router.work()
    assert spam.rollouts.observed(rollout.id) == []


def test_what_can_judge_without_the_right_answer_does_and_of_the_others_it_is_said(spam: Home) -> None:
    judged(spam)
    begun = begin(spam, Wanted(name="spam", canary="50%", to="3"))
    names = [measure.name for measure in begun.rollout.plan.measures]
    assert names == ["answered", "feedback", "no complaint", "form", "numbers", "in time", "short enough"]
    said = " ".join(begun.notes)
    assert "quality (exact) needs the right answer" in said and "hard (exact) is over rows with target a" in said
    door = Door(spam, answer=lambda served: JSON if served.version == 1 else "call 0301234567")
    for number in range(60):
        door.ask(f"a{number}")
    question = asked("slow")
    served = door.router.route(question, resolved(spam, "spam"))
    door.router.seen(question, served, answered(JSON, latency_s=3.0) if served else answered())
    door.router.work()
    rows = spam.rollouts.observed(begun.rollout.id)
    scores = {row.arm: row.scores for row in rows if row.answer != "slow"}
    assert scores["champion"] == {"answered": 1.0, "form": 1.0, "numbers": 1.0, "in time": 1.0}
    assert scores["candidate"] == {"answered": 1.0, "form": 0.0, "numbers": 0.0, "in time": 1.0}
    assert rows[-1].scores["in time"] == 0.0
    assert known(spam, begun.rollout).state == "rolled-back"


def test_kill_9_in_the_middle_leaves_a_promotion_and_a_rollback_whole_or_undone(spam: Home) -> None:
    """A child is killed after each of the first writes of what it does; what it leaves holds, and can be done again."""
    from rung.registry import rollouts as shelf

    for write in range(1, 5):
        rollout = started(spam, canary="50%") if not spam.rollouts.all(("running",)) else spam.rollouts.all(("running",))[0]
        pid = os.fork()
        if pid == 0:  # pragma: no cover - it is killed
            with open_home(spam.path, write=True) as own:
                _kill_after(own, write)
                change = shelf.RolloutChange(state="promoted", kind="promoted", step=1)
                promote(own, "spam@2", "champion", load=none_at_hand, beside=lambda _: own.rollouts.change(rollout, change))  # noqa: B023
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        moved = (spam.aliases.at("spam", "champion") or pytest.fail()).version == 2
        assert moved == (known(spam, rollout).state == "promoted"), status
        assert spam.integrity.faults() == []
        if not moved:
            assert os.WIFSIGNALED(status)
    assert not spam.rollouts.all(("running",)) or known(spam, rollout).state == "running"


def _kill_after(home: Home, writes: int) -> None:  # pragma: no cover - in a process that is killed
    count, append = [0], home.audit.append

    def counted(*words: Any) -> Any:
        line = append(*words)
        count[0] += 1
        if count[0] >= writes:
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    home.aliases._audit = home.rollouts._audit = home.audit
    home.audit.append = counted  # type: ignore[method-assign]


def test_an_ab_ends_when_one_is_shown_to_be_better(spam: Home) -> None:
    rollout, door = started(spam, ab="50%"), Door(spam)
    ended = until(door, rollout, lambda served: 0.5 if served.version == 1 else 0.9, every=200)
    assert ended.state == "promoted" and "better is shown at 50%" in ended.said
