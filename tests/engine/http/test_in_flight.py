"""How many questions are under way at once, on a clock of our own."""

from __future__ import annotations

import threading

import pytest

from rung.engine.http.in_flight import FIRST, MOST, InFlight, Stopped


class Clock:
    """Time that goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def worked(places: InFlight, clock: Clock, answers: int, rate: float) -> None:
    """So many answers come, at this many a second, while there are more questions than places."""
    places.pressed = True
    for _ in range(answers):
        clock.now += 1 / rate
        places.answered()
    places.pressed = False
    places.answered()


def test_more_while_more_brings_more() -> None:
    clock = Clock()
    places = InFlight(clock=clock)
    seen = [places.limit]
    for _ in range(6):
        worked(places, clock, 2 * places.limit + 1, rate=places.limit)
        seen.append(places.limit)
    assert seen[:6] == [FIRST, 8, 16, 32, MOST, MOST]


def test_a_doubling_that_brings_nothing_is_taken_back_and_tried_again_much_later() -> None:
    clock = Clock()
    places = InFlight(clock=clock)
    for _ in range(4):
        worked(places, clock, 2 * places.limit + 1, rate=min(places.limit, 8))
    assert places.limit == 8
    worked(places, clock, 41 * places.limit, rate=8)
    assert places.limit == 16, "the server may have more places by now"
    worked(places, clock, 2 * places.limit + 1, rate=8)
    assert places.limit == 8


def test_a_server_that_slows_down_with_each_question_is_not_asked_ever_more() -> None:
    """Its answers take 50 ms and 20 more for each that is under way: 50 a second at the most, 36 of them with eight."""
    clock = Clock()
    places, most = InFlight(clock=clock), 0
    for _ in range(200):
        worked(places, clock, 2 * places.limit + 1, rate=places.limit / (0.05 + 0.02 * places.limit))
        most = max(most, places.limit)
    assert most <= 32 and places.limit in (8, 16)


def test_a_long_stream_of_refusals_walks_down_to_one_and_then_up_by_ones() -> None:
    clock = Clock()
    places = InFlight(first=16, clock=clock)
    for _ in range(10):
        places.too_many()
    assert places.limit == 8, "one cut is waited for to work"
    for _ in range(8):
        clock.now += 1.1
        places.too_many()
    assert places.limit == 1
    places.pressed = True
    answers = 0
    while places.limit < 4:
        clock.now += 0.2
        places.answered()
        answers += 1
    assert 100 < answers < 400, "what was refused is tried again, but not at once"


@pytest.mark.parametrize("allowed", [1, 2, 6])
def test_a_server_with_few_places_is_seldom_refused_by(allowed: int) -> None:
    """It refuses what goes over its places. The limit settles there."""
    clock = Clock()
    places, refused, at_most = InFlight(clock=clock), 0, 0
    places.pressed = True
    for _ in range(1000):
        clock.now += 0.2
        if places.limit > allowed:
            clock.now += 1.0
            places.too_many()
            refused += 1
        else:
            places.answered()
            at_most += places.limit == allowed
    assert refused < 20 and at_most > 900


def test_nobody_begins_while_it_is_held_and_whoever_waits_goes_once_nobody_waits_for_it() -> None:
    clock = Clock()
    places, stopped, gone = InFlight(clock=clock), threading.Event(), []
    places.hold(5.0)

    def ask() -> None:
        try:
            with places.place(stopped):
                gone.append("asked")
        except Stopped:
            gone.append("stopped")

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(0.05)
    assert not gone
    stopped.set()
    thread.join(5)
    clock.now = 6.0
    stopped.clear()
    ask()
    assert gone == ["stopped", "asked"]


def test_what_the_task_says_is_held_to() -> None:
    clock = Clock()
    places = InFlight(fixed=3, clock=clock)
    worked(places, clock, 500, rate=10)
    assert (places.limit, places.most) == (3, 3)


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_than_there_are_places(limit: int) -> None:
    places, lock, inside, most = InFlight(fixed=limit), threading.Lock(), [0], [0]

    def work() -> None:
        for _ in range(20):
            with places.place():
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert inside == [0] and 1 <= most[0] <= limit
