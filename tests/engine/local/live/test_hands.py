"""An engine's threads: as many as are quickest, found by passes that differ in nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from rung.engine.local.live.hands import LEAST_BETWEEN, MOST_BETWEEN, Hands

# Seconds of a pass of eight rows by its threads.
QUIET, SHARED = {1: 0.057, 2: 0.037, 4: 0.025}, {1: 0.057, 2: 0.210, 4: 0.300}


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Machine:
    """Counts the passes, and how many threads each had."""

    def __init__(self, most: int) -> None:
        self.now, self.took, self.threads = 0.0, QUIET, list[int]()
        self.hands = Hands(most, clock=lambda: self.now)

    def run(
        self, passes: int, rows: Callable[[int], int] = lambda _number: 8, reads: Callable[[int], bool] = lambda _number: False
    ) -> None:
        for number in range(passes):
            with self.hands.computing(rows(number), reads=reads(number)):
                assert torch.get_num_threads() == self.hands.threads
                self.now += self.took[self.hands.threads] * (rows(number) / 8) ** 0.5
                self.threads.append(self.hands.threads)


@pytest.mark.parametrize("most", [2, 4])
def test_all_of_them_on_a_quiet_machine_and_few_trials(most: int) -> None:
    machine = Machine(most)
    machine.run(4000)
    assert machine.hands.threads == most
    tried = sum(threads != most for threads in machine.threads)
    assert 0 < tried < 0.03 * len(machine.threads)


@pytest.mark.parametrize("most", [2, 4])
def test_one_beside_another_program_soon_and_all_again_afterwards(most: int) -> None:
    machine = Machine(most)
    machine.run(3000)
    machine.took = SHARED
    machine.run(4 * LEAST_BETWEEN)
    assert machine.hands.threads == 1
    machine.run(1000)
    assert machine.threads[-500:].count(1) > 480
    machine.took = QUIET
    machine.run(2 * MOST_BETWEEN)
    assert machine.hands.threads == most


def test_passes_that_are_not_alike_are_not_compared() -> None:
    machine = Machine(2)
    machine.run(2000, rows=lambda number: 2 + number // 3 % 5)
    assert set(machine.threads) == {2}
    machine.run(2000, reads=lambda number: number % 4 == 0)
    assert set(machine.threads) == {2}


def test_a_trial_that_is_cut_short_changes_nothing() -> None:
    machine = Machine(2)
    while machine.hands.threads == 2:
        machine.run(1)
    machine.run(1, rows=lambda _number: 3)
    assert machine.hands.threads == 2


def test_one_thread_is_not_weighed() -> None:
    hands = Hands(1)
    before = torch.get_num_threads()
    with hands.computing(8, reads=False):
        assert torch.get_num_threads() == before
