"""The cost model of a machine: what it is fitted to it gives back, and few timings keep to the usual proportions."""

from __future__ import annotations

import pytest

from rung.climb.outlook.machine import USUAL, Load, Machine, fit
from rung.climb.outlook.questions import Questions

LOADS = (
    Load(passes=2, tokens=200, seen=8, rows=4),
    Load(passes=2, tokens=2000, seen=80, rows=48),
    Load(passes=3, tokens=4000, seen=900, rows=15),
    Load(passes=22, tokens=290, seen=20, made=140, rows=8),
    Load(passes=40, tokens=600, seen=60, made=900, rows=40),
    Load(passes=1, tokens=100, seen=2, rows=1),
)
SLOW = Load(passes=0.2, tokens=0.001, seen=0.004, made=0.02, rows=0.03)


@pytest.mark.parametrize("true", [USUAL, USUAL.times(20), USUAL.times(0.01), SLOW])
def test_a_machine_of_known_costs_is_found(true: Load) -> None:
    machine = Machine(cost=fit([(load, Machine(cost=true).seconds(load)) for load in LOADS]))
    for load in (
        *LOADS,
        Load(passes=10, tokens=20_000, seen=2000, rows=300),
        Load(passes=300, tokens=5000, seen=400, made=3000, rows=60),
    ):
        assert machine.seconds(load) == pytest.approx(Machine(cost=true).seconds(load), rel=0.15)


def test_one_timing_gives_the_usual_proportions() -> None:
    times = 7.0
    found = fit([(LOADS[1], times * Machine(cost=USUAL).seconds(LOADS[1]))])
    assert found.counts == pytest.approx(USUAL.times(times).counts, rel=0.05)


def test_a_timing_that_is_all_noise_gives_no_negative_cost() -> None:
    found = fit([(LOADS[0], 5.0), (LOADS[1], 0.1), (LOADS[3], 0.1)])
    assert min(found.counts) >= 0
    with pytest.raises(ValueError, match="nothing was timed"):
        fit([])


def test_a_faster_machine_reads_more_in_the_same_time() -> None:
    slow, fast = Machine(cost=USUAL.times(4)), Machine(cost=USUAL)
    assert fast.reads(10) == pytest.approx(4 * slow.reads(10))
    assert slow.reads(20) == pytest.approx(2 * slow.reads(10))


def test_what_all_questions_begin_with_is_read_once() -> None:
    questions = Questions(shared=100, own=20, choices=3)
    whole, half = questions.load(128, 64), questions.load(64, 64)
    assert (whole.tokens, half.tokens) == (100 + 128 * 23, 100 + 64 * 23)
    assert questions.load(128, 64, begins=False).tokens == 128 * 23
    assert questions.load(0, 64) == Load()


def test_small_batches_read_the_weights_more_often() -> None:
    questions = Questions(shared=0, own=20, writes=10, steps=12)
    assert questions.load(48, 24).passes == 2 * questions.load(24, 24).passes
    assert questions.load(48, 1).passes == 48 * 13
    assert questions.load(48, 24).made == questions.load(48, 1).made == 480
