"""How many threads compute a pass: as many as are quickest just now.

Threads that compute together wait for the last of them. Beside another program that takes a core for a while, one thread alone is
several times quicker than two of which one stands still; on a quiet machine two are. Nobody says which it is, so it is tried: a few
passes now and then, alike but for their threads. What is computed is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter

import torch

# What torch takes, before an engine tells it otherwise.
MOST = torch.get_num_threads()
# Passes alike that are compared, the first of them aside, which finds nothing ready.
COMPARED = 6
# Passes from one trial to the next: as many more after each that changed nothing.
LEAST_BETWEEN, MOST_BETWEEN = 32, 1024
# A pass that takes so many times what its like took is a reason to try sooner, but for so many passes after the last trial.
SLOWER, SOONEST = 1.5, 8
# A change must be worth so much.
QUICKER = 0.9


class Hands:
    """Of one thread, the engine's own."""

    def __init__(self, most: int | None = None, clock: Callable[[], float] = perf_counter) -> None:
        """most  threads; None for those that torch takes"""
        self.most = most or MOST
        self.threads = self.most
        self._clock = clock
        self._between, self._since = LEAST_BETWEEN, 0
        self._rows, self._took = 0, list[float]()
        # What a trial began from: threads, and what a pass took. What such a pass took at best, by its rows.
        self._before: tuple[int, float] | None = None
        self._usual: dict[int, float] = {}
        self._down = True

    @contextmanager
    def computing(self, rows: int, *, reads: bool) -> Iterator[None]:
        """A pass over so many rows; `reads` tells that it reads prompts, so that it is like no other."""
        if self.most == 1:
            yield
            return
        if reads or rows != self._rows:
            self._give_up()
            self._rows = rows
        torch.set_num_threads(self.threads)
        began = self._clock()
        yield
        if not reads:
            self._see(self._clock() - began)

    def _see(self, seconds: float) -> None:
        self._since += 1
        self._took.append(seconds)
        if len(self._took) <= COMPARED:
            return
        self._took = self._took[-COMPARED:]
        took = median(self._took)
        if self._before:
            self._judge(took, *self._before)
            return
        usual = self._usual.get(self._rows, took)
        self._usual[self._rows] = min(usual, took)
        if self._since >= self._between or (took > SLOWER * usual and self._since >= SOONEST):
            self._try(took)

    def _try(self, took: float) -> None:
        self._before = self.threads, took
        less, more = max(1, self.threads // 2), min(self.most, self.threads * 2)
        self.threads = more if less == self.threads or (not self._down and more != self.threads) else less
        self._down = not self._down
        self._took = []

    def _judge(self, took: float, threads: int, before: float) -> None:
        if took < QUICKER * before:
            self._between = LEAST_BETWEEN
            self._usual = {self._rows: took}
        else:
            self.threads = threads
            self._between = min(MOST_BETWEEN, 2 * self._between)
        self._before, self._since, self._took = None, 0, []

    def _give_up(self) -> None:
        """Other passes are not compared with these."""
        if self._before:
            self.threads = self._before[0]
        self._before, self._took = None, []
