"""How many questions are under way at a server at once: more while that brings more answers a second, fewer where it refuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FIRST, MOST = 4, 64
# How much more a doubling must bring to be kept, and how long one cut is waited for to work before the next.
_GAIN, _CUT_S = 1.15, 1.0
# Answers for each place until more is tried again, where more brought nothing, and where it was refused (twice as many each time).
_AGAIN, _AFTER_REFUSAL, _LONGEST = 40, 25, 800
# How often whoever waits for a place looks whether anybody still waits for its answer.
_LOOK_S = 0.5


class Stopped(Exception):
    """Nobody waits for the answer any more."""


@dataclass(kw_only=True)
class InFlight:
    """Places at a server, for threads that ask it. `limit` is how many there are now.

    It starts at `first` and doubles up to `most` while a doubling brings at least 15% more answers a second (slow start); the first
    that does not is taken back, and tried again much later: what it was judged by may have been a bad moment.
    A server that says too many (429) halves it, at most once a second whatever it asks to be waited, so that a long stream of
    refusals still walks down to one; from there it grows by ones to just under where it was refused, and tries that again ever more
    seldom. `hold` lets nobody begin for a while.
    `fixed` is what a task file says instead: nothing is tried then, and only a refusal makes it fewer.
    `pressed` says that there are more questions than places: only then do answers tell what the limit is worth.
    """

    first: int = FIRST
    most: int = MOST
    fixed: int | None = None
    clock: Callable[[], float] = time.monotonic
    limit: int = field(init=False)
    pressed: bool = False
    _free: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _used: int = 0
    _growing: bool = True
    _probing: bool = False
    _ceiling: int | None = None
    _wait: int = _AFTER_REFUSAL
    _since_change: int = 0
    _last_cut: float = float("-inf")
    _held_until: float = float("-inf")
    _began: float | None = None
    _answered: int = 0
    _rate: float = 0.0

    def __post_init__(self) -> None:
        self.most = self.fixed or self.most
        self.limit = self.fixed or min(self.first, self.most)
        self._growing = self.fixed is None

    @contextmanager
    def place(self, stopped: threading.Event | None = None) -> Iterator[None]:
        """One place, waited for. Raises Stopped once `stopped` is set."""
        with self._free:
            while True:
                if stopped is not None and stopped.is_set():
                    raise Stopped
                pause = self._held_until - self.clock()
                if pause <= 0 and self._used < self.limit:
                    break
                self._free.wait(min(pause, _LOOK_S) if pause > 0 else _LOOK_S)
            self._used += 1
        try:
            yield
        finally:
            with self._free:
                self._used -= 1
                self._free.notify()

    def answered(self) -> None:
        """An answer came."""
        with self._free:
            now = self.clock()
            if not self.pressed or self._began is None:
                self._began, self._answered = (now if self.pressed else None), 0
                return
            self._answered += 1
            self._since_change += 1
            if self._answered >= 2 * self.limit and now > self._began:
                self._judge(self._answered / (now - self._began))
                self._began, self._answered = now, 0
                self._free.notify_all()

    def too_many(self) -> None:
        """The server has no room for as many as are under way."""
        with self._free:
            now = self.clock()
            if now - self._last_cut < _CUT_S:
                return
            self._last_cut, self._began = now, None
            self._ceiling = self.limit
            if self._probing:
                self._wait = min(2 * self._wait, _LONGEST)
            self._set(max(1, self.limit - 1 if self._probing else self.limit // 2))
            self._growing = False

    def hold(self, seconds: float) -> None:
        """Nobody begins for so long: the server has said when it will take more."""
        if seconds <= 0:
            return
        with self._free:
            self._held_until = max(self._held_until, self.clock() + seconds)
            self._began = None

    def _set(self, limit: int, *, probing: bool = False) -> None:
        self.limit, self._probing, self._since_change = limit, probing, 0

    def _judge(self, rate: float) -> None:
        """One limit has been tried long enough: `rate` answers came each second."""
        if self._ceiling is not None:
            self._near_refusal()
        elif self.fixed is not None:
            return
        elif not self._growing:
            if self._since_change >= _AGAIN * self.limit and self.limit < self.most:
                self._rate, self._growing = rate, True
                self._set(min(2 * self.limit, self.most))
        elif rate > _GAIN * self._rate:
            self._rate = rate
            self._growing = self.limit < self.most
            self._set(min(2 * self.limit, self.most))
        else:
            self._growing = False
            self._set(max(1, self.limit // 2))

    def _near_refusal(self) -> None:
        """More by ones: what was not refused for long enough is no ceiling."""
        assert self._ceiling is not None
        under = min(self._ceiling - 1, self.most)
        self._probing = False
        if self.limit < under:
            self._set(self.limit + 1, probing=self.limit + 1 == under)
        elif self.limit < self.most and self._since_change >= self._wait * self.limit:
            self._ceiling = self.limit + 2
            self._set(self.limit + 1, probing=True)
