"""What is seen of answers rolls back what does harm, moves on what does none, and waits for what promotion asks for."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

import pytest
from played import Door, answered, asked, known, none_at_hand, resolved
from shipped import ship

from rung.climb.keeping import keep_lock
from rung.errors import UserError
from rung.promote.promoting import promote
from rung.registry.home import Home, open_home
from rung.registry.rollout_states import Rollout
from rung.serve.rollout import by_hand, kept_rows
from rung.serve.rollout.begin import Wanted, begin
from rung.serve.rollout.measures import judges_of
from rung.serve.types import Feedback, Outcome, Served
from rung.types import Answer, Bar, Candidate, Example, Limits, Task

SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
JSON = '{"label": "spam"}'


@pytest.fixture(autouse=True)
def nothing_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rollout promises is computed elsewhere."""
    monkeypatch.setattr("rung.serve.rollout.begin.promised", lambda *_: None)


def started(home: Home, **wanted: Any) -> Rollout:
    return begin(home, Wanted(**{"name": "spam", **wanted})).rollout


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
    [("answered", 1.0), ("withheld", 0.0), ("fallback", 0.0), ("late", 0.0), ("failed", 0.0), ("gone", None), ("held", None)],
)
def test_an_answer_that_did_not_come_counts_and_one_that_nobody_waited_for_does_not(
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


def judged(home: Home, **fields: Any) -> None:
    """A third version of spam, whose task is kept: JSON of a schema, no telephone numbers, and limits."""
    rows = tuple(
        Example(id=f"e{number}", messages=({"role": "user", "content": f"m{number}"},), target=JSON, split="test")
        for number in range(3)
    )
    given: dict[str, Any] = {
        "quality": Bar(scorer="exact", at_least=0.5),
        "guards": (
            Bar(scorer="json_schema", config={"schema": SCHEMA}, at_least=0.99, name="form"),
            Bar(scorer="regex", config={"pattern": r"\d{5,}"}, at_most=0.01, name="numbers"),
            Bar(scorer="exact", at_least=0.5, where={"target": "a"}, name="hard"),
        ),
        "limits": Limits(p95_latency_s=2.0, tokens_per_answer=30),
    }
    task = Task(name="spam", base="pip:llm", instruction="", examples=rows, path="task.yaml", **{**given, **fields})
    home.tasks.add(task)
    assert keep_lock(task, home)
    ship(home, [1.0] * 60, name="spam", lock=task.digest)


def test_what_can_judge_without_the_right_answer_does_and_of_the_others_it_is_said(spam: Home) -> None:
    judged(spam)
    begun = begin(spam, Wanted(name="spam", canary="50%", to="3"))
    names = [measure.name for measure in begun.rollout.plan.measures]
    assert names == ["answered", "feedback", "form", "numbers", "in time", "short enough"]
    said = " ".join(begun.notes)
    assert "quality (exact) needs the right answer" in said and "hard (exact) is over rows with target a" in said
    door = Door(spam, answer=lambda served: JSON if served.version == 1 else "call 0301234567")
    for number in range(20):
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


def test_a_guard_that_is_called_as_something_that_rung_measures_itself_keeps_its_own_name() -> None:
    form = Bar(scorer="json_schema", config={"schema": SCHEMA}, at_least=0.9, name="feedback")
    task = Task(name="spam", base="pip:llm", instruction="", examples=(), quality=form)
    assert [measure.name for measure in judges_of(task).measures] == ["answered", "feedback", "guard feedback"]
    assert "nothing is kept of its task" in judges_of(None).left_out[0]


def test_in_shadow_both_answer_the_same_questions_and_nobody_is_sent_the_candidates(spam: Home) -> None:
    judged(spam)
    rollout = started(spam, shadow=True, canary="50%", to="3")
    asked_of: list[int] = []

    def shadow(_question: object, served: Served) -> Answer:
        asked_of.append(served.version)
        return Answer(text=JSON if len(asked_of) % 2 else ' {"label": "spam"}\n', completion_tokens=12)

    door = Door(spam, answer=lambda _: JSON, ask=shadow)
    assert door.router.shadows is not None
    # Without its thread: each is answered when it is told to.
    door.router.shadows.offer = door.router.shadows.answer  # type: ignore[method-assign]
    for number in range(600):
        door.ask(f"a{number}")
        if number % 50 == 49:
            door.router.work()
            if known(spam, rollout).step:
                break
    assert set(door.said) == {1} and set(asked_of) == {3}
    ended = known(spam, rollout)
    assert (ended.state, ended.step, ended.share) == ("running", 1, 0.5) and "no harm is shown at shadow" in ended.said
    tally = door.router.judging.tally(ended)
    assert tally.shadowed.pairs == tally.shadowed.equal == len(asked_of) and tally.shadowed.mine.mean_tokens == 12
    door.router.look()
    assert {door.ask(f"b{number}").version for number in range(40)} == {1, 3}


def test_a_candidate_that_is_worse_in_shadow_is_rolled_back_before_anybody_meets_it(spam: Home) -> None:
    judged(spam)
    rollout = started(spam, shadow=True, to="3")

    def shadow(question: Any, _served: Served) -> Answer:
        if question.id.endswith("3"):
            raise RuntimeError("out of memory")
        return Answer(text="no JSON")

    door = Door(spam, answer=lambda _: JSON, ask=shadow)
    assert door.router.shadows is not None
    door.router.shadows.offer = door.router.shadows.answer  # type: ignore[method-assign]
    for number in range(60):
        door.ask(f"a{number}")
    door.router.work()
    assert known(spam, rollout).state == "rolled-back" and "form" in known(spam, rollout).said
    assert set(door.said) == {1}


def test_shadows_that_cannot_keep_up_are_dropped_and_delay_nobody(spam: Home) -> None:
    import threading

    judged(spam)
    started(spam, shadow=True, to="3")
    hold = threading.Event()

    def slow(_question: object, _served: Served) -> Answer:
        hold.wait(10)
        return Answer(text=JSON)

    door = Door(spam, answer=lambda _: JSON, ask=slow)
    for number in range(40):
        door.ask(f"a{number}")
    figures = door.router.figures()
    assert figures.shadows_dropped >= 40 - 17 and figures.shadows == 0
    hold.set()
    door.router.close()


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


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({}, "a rollout needs to be told how the candidate is to answer"),
        ({"canary": "5"}, "'5' is no share of those who ask"),
        ({"canary": "0%"}, "a share of 0% is too small"),
        ({"canary": "100%"}, "a share of 100% is too large"),
        ({"canary": "5%", "steps": "10%,100%"}, "--canary 5% is not the first of --steps 10%,100%"),
        ({"steps": "25%,5%"}, "the steps of a rollout rise"),
        ({"steps": "5%,5%"}, "the steps of a rollout rise"),
        ({"steps": "100%"}, "100% at once is a promotion"),
        ({"steps": "5%,,100%"}, "'' is no share"),
        ({"ab": "50%", "steps": "50%,100%"}, "an A/B has one share and no steps"),
        ({"canary": "5%", "harm": 0.0}, "a harm of 0 points is none"),
        ({"canary": "5%", "harm": float("nan")}, "a harm of nan points is none"),
        ({"canary": "5%", "alpha": 0.9}, "an alpha of 0.9 is none"),
        ({"canary": "5%", "lasts": "soon"}, "'soon' is no duration"),
        ({"canary": "5%", "lasts": "9999w"}, "a rollout for 9999w is too long"),
        ({"canary": "5%", "to": "1"}, "spam@1 is the same as the champion"),
        ({"canary": "5%", "to": "@9"}, "no candidate is called 'spam@9'"),
        ({"canary": "5%", "to": "tone@2"}, "'tone@2' is a version of another name than spam"),
        ({"canary": "5%", "name": "spam@2"}, "'spam@2' names a version"),
        ({"canary": "5%", "name": "spma"}, "no candidate is called 'spma'"),
    ],
)
def test_what_cannot_be_a_rollout_is_refused_with_what_would_be_one(spam: Home, wanted: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem) as refused:
        started(spam, **wanted)
    assert refused.value.hint
    assert spam.rollouts.all() == []


def test_a_rollout_needs_a_champion_and_a_shadow_calls_no_tools_twice(spam: Home) -> None:
    from rung.parts import ToolSet, ToolUse
    from rung.registry.names import Evidence

    ship(spam, [1.0] * 60, name="tone")
    with pytest.raises(UserError, match="tone has no champion that a rollout could be held against"):
        started(spam, name="tone", canary="5%")
    with_tools = Candidate(rung="r3_tools", base="pip:llm@sha256:00", tools=ToolUse(toolset=ToolSet(tools=()), files="", steps=1))
    spam.candidates.add(with_tools, "")
    spam.names.register("spam", with_tools.id, Evidence())
    with pytest.raises(UserError, match="a shadow would call them once more"):
        started(spam, shadow=True)
    begun = begin(spam, Wanted(name="spam", canary="5%"))
    assert any("promotion will wait for its receipt" in note for note in begun.notes)


def test_an_ab_ends_when_one_is_shown_to_be_better(spam: Home) -> None:
    rollout, door = started(spam, ab="50%"), Door(spam)
    ended = until(door, rollout, lambda served: 0.5 if served.version == 1 else 0.9, every=200)
    assert ended.state == "promoted" and "better is shown at 50%" in ended.said


def test_what_was_rolled_back_before_is_said_when_it_begins_again(spam: Home) -> None:
    by_hand.abort(spam, started(spam, canary="5%"), "complaints")
    begun = begin(spam, Wanted(name="spam", canary="5%"))
    assert any("spam@2 was rolled back before" in note and "complaints" in note for note in begun.notes)


def test_the_rows_that_promotion_compares_on_are_those_that_the_home_kept(spam: Home) -> None:
    judged(spam)
    lock = spam.names.of(name="spam")[-1].evidence.task
    task = kept_rows(spam, lock)
    assert task is not None and len(task.split("test")) == 3 and task.digest == lock
    assert kept_rows(spam, "99" * 32) is None and kept_rows(spam, "") is None
