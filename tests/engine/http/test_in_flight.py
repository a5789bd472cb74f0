"""How many questions are under way at once, on a clock of our own."""

from __future__ import annotations

import threading

import pytest

from rung.engine.http.in_flight import FIRST, MOST, InFlight


class Clock:
    """Time that goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def worked(places: InFlight, clock: Clock, answers: int, rate: float) -> None:
    """So many answers come, at this many a second, while others wait for a place."""
    places._waiting = 1
    for _ in range(answers):
        clock.now += 1 / rate
        places.answered()
    places._waiting = 0


def test_more_while_more_brings_more() -> None:
    clock = Clock()
    places = InFlight(clock=clock)
    seen = [places.limit]
    for _ in range(6):
        worked(places, clock, 2 * places.limit + 1, rate=places.limit)
        seen.append(places.limit)
    assert seen[:6] == [FIRST, 8, 16, 32, MOST, MOST]


def test_a_doubling_that_brings_nothing_is_taken_back() -> None:
    clock = Clock()
    places = InFlight(clock=clock)
    for _ in range(4):
        worked(places, clock, 2 * places.limit + 1, rate=min(places.limit, 8))
    assert places.limit == 8


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
    for _ in range(3):
        worked(places, clock, 2 * places.limit + 1, rate=5)
    assert places.limit == 4


def test_what_the_task_says_is_held_to() -> None:
    clock = Clock()
    places = InFlight(fixed=3, clock=clock)
    worked(places, clock, 50, rate=10)
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
