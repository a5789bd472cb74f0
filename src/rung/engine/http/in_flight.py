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


@dataclass(kw_only=True)
class InFlight:
    """Places at a server, for threads that ask it. `limit` is how many there are now.

    It starts at `first` and doubles up to `most` while a doubling brings at least 15% more answers a second (slow start); the first
    that does not is taken back. A server that says too many (429) halves it, at most once a second whatever it asks to be waited,
    so that a long stream of refusals still walks down to one; from then on it grows by one.
    `fixed` is what a task file says instead: nothing is tried then, and only a refusal makes it fewer.
    """

    first: int = FIRST
    most: int = MOST
    fixed: int | None = None
    clock: Callable[[], float] = time.monotonic
    limit: int = field(init=False)
    _free: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _used: int = 0
    _waiting: int = 0
    _growing: bool = True
    _last_cut: float = float("-inf")
    _began: float | None = None
    _answered: int = 0
    _rate: float = 0.0

    def __post_init__(self) -> None:
        self.most = self.fixed or self.most
        self.limit = self.fixed or min(self.first, self.most)
        self._growing = self.fixed is None

    @contextmanager
    def place(self) -> Iterator[None]:
        """One place, waited for."""
        with self._free:
            self._waiting += 1
            self._free.wait_for(lambda: self._used < self.limit)
            self._waiting -= 1
            self._used += 1
        try:
            yield
        finally:
            with self._free:
                self._used -= 1
                self._free.notify_all()

    def answered(self) -> None:
        """An answer came. Only times at which others wait for a place tell what the limit is worth."""
        with self._free:
            now = self.clock()
            if not self._waiting or self._began is None:
                self._began, self._answered = (now if self._waiting else None), 0
                return
            self._answered += 1
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
            self.limit, self._rate = max(1, self.limit // 2), 0.0
            self._growing = False

    def _judge(self, rate: float) -> None:
        """One limit has been tried long enough: `rate` answers came each second."""
        if not self._growing:
            self.limit = min(self.limit + 1, self.most) if self._last_cut > float("-inf") else self.limit
        elif rate > _GAIN * self._rate:
            self._rate, self.limit = rate, min(2 * self.limit, self.most)
            self._growing = self.limit < self.most
        else:
            self.limit, self._growing = max(self.first, self.limit // 2), False
