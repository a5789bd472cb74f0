"""A sliding minute: never more than the bound within any 60 seconds, and never refused without need for long."""

from __future__ import annotations

import random
from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from rung.serve.tenants.windows import GRAIN_S, SPAN_S, Window


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), bound=st.integers(1, 50))
def test_in_no_minute_more_is_taken_than_the_bound(seed: int, bound: int) -> None:
    chance, window, moment = random.Random(seed), Window(), 0.0
    taken: list[tuple[float, int]] = []
    for _ in range(200):
        moment += chance.expovariate(1.0)
        amount = chance.randint(1, 5)
        wait = window.wait_s(moment, amount, bound)
        if wait is None:
            assert amount > bound
        elif wait == 0:
            window.add(moment, amount)
            taken.append((moment, amount))
        else:
            assert 0 < wait <= SPAN_S + GRAIN_S
            assert deepcopy(window).wait_s(moment + wait, amount, bound) == 0, "who comes back then is let in"
    for start, _ in taken:
        assert sum(amount for at, amount in taken if start <= at < start + SPAN_S) <= bound


def test_a_correction_counts_where_it_was_counted_and_not_when_that_is_gone() -> None:
    window = Window()
    grain = window.add(0.1, 100)
    window.add(10.0, 10)
    window.correct(grain, -90)
    assert window.taken(10.0) == 20
    assert window.taken(SPAN_S + 1) == 10
    window.correct(grain, -10)
    assert window.taken(SPAN_S + 1) == 10


def test_a_window_is_small_however_much_it_counts() -> None:
    window = Window()
    for number in range(50_000):
        window.add(number * 0.01, 1)
    assert len(window._grains) <= (SPAN_S + 2) / GRAIN_S
