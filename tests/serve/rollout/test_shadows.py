"""In shadow both answer the same questions; nobody is sent, and nobody waits for, what the candidate says."""

from __future__ import annotations

from typing import Any

import pytest
from played_door import JSON, Door, asked, judged, known, resolved, started

from rung.errors import BrokenEnvironment
from rung.registry.home import Home
from rung.serve.idle import NoRails
from rung.serve.rollout import shadow_answer
from rung.serve.rollout.shadow import Ask, NotAsked
from rung.serve.types import Served
from rung.types import Answer


def shadowed_at_once(spam: Home, ask: Ask) -> Door:
    """A door whose shadows have no thread: each is answered when it is told to."""
    door = Door(spam, answer=lambda _: JSON, ask=ask)
    assert door.router.shadows is not None
    door.router.shadows.offer = door.router.shadows.answer  # type: ignore[method-assign]
    return door


def test_in_shadow_both_answer_the_same_questions_and_nobody_is_sent_the_candidates(spam: Home) -> None:
    judged(spam)
    rollout = started(spam, shadow=True, canary="50%", to="3")
    asked_of: list[int] = []

    def shadow(_question: object, served: Served) -> Answer:
        asked_of.append(served.version)
        return Answer(text=JSON if len(asked_of) % 2 else ' {"label": "spam"}\n', completion_tokens=12)

    door = shadowed_at_once(spam, shadow)
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

    door = shadowed_at_once(spam, shadow)
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


def test_a_shadow_that_is_not_to_be_asked_says_nothing_of_the_candidate(spam: Home) -> None:
    judged(spam)
    rollout = started(spam, shadow=True, to="3")

    class Spent(NoRails):
        def admits_shadow(self, served: Served) -> bool:
            if served.version == 3:
                raise BrokenEnvironment("the registry is locked")
            return False

    def shadow(question: Any, served: Served) -> Answer:
        return shadow_answer(None, Spent(), question, served)  # type: ignore[arg-type]

    for ref in ("spam@1", "spam@3"):
        with pytest.raises(NotAsked):
            shadow(asked("a"), resolved(spam, ref))
    door = shadowed_at_once(spam, shadow)
    for number in range(40):
        door.ask(f"a{number}")
    door.router.work()
    assert known(spam, rollout).state == "running" and door.router.figures().shadows_dropped == 40
    assert door.router.judging.tally(rollout).shadowed.pairs == 0
