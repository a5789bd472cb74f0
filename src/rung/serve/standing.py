"""Whether the server takes questions: not before every base has answered once, and no more once it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rung.serve.types import Refused

AGAIN_S = 1.0


class Standing:
    """Counts questions under way, and knows what is still being warmed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cold: dict[str, str] = {}
        self._draining = False
        self.now = 0

    def expect(self, what: str) -> None:
        """Not ready before `warmed` is said of this."""
        with self._lock:
            self._cold[what] = "not yet"

    def warmed(self, what: str) -> None:
        """It has answered."""
        with self._lock:
            self._cold.pop(what, None)

    def failed(self, what: str) -> None:
        """It could not answer: the server stays unready."""
        with self._lock:
            self._cold[what] = "failed"

    def drain(self) -> None:
        """No more questions are taken; those under way go on."""
        with self._lock:
            self._draining = True

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def ready(self) -> bool:
        return not self._cold and not self._draining

    @property
    def cold(self) -> dict[str, str]:
        """What has not answered yet, each with why."""
        with self._lock:
            return dict(self._cold)

    @contextmanager
    def under_way(self, most: int) -> Iterator[None]:
        """One more question, while there is room. Raises Refused (503) where there is none, or the server stops."""
        with self._lock:
            if self._draining:
                stops = "The server is stopping and takes no more questions."
                raise Refused(503, stops, type="server_error", code="stopping", retry_after_s=AGAIN_S)
            if self.now >= most:
                busy = "The server is overloaded: too many questions are under way."
                raise Refused(503, busy, type="server_error", code="overloaded", retry_after_s=AGAIN_S)
            self.now += 1
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1
