"""A copy of a question for the candidate, whose answer is compared and never sent.

One at a time, so that it never has more than one place of the engine's; few wait, and where they do, the next is dropped: who asked
never waits for it. Who asked hears nothing, and what they may take is not touched.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rung.serve.types import Asked, Outcome, Served

if TYPE_CHECKING:
    from rung.serve.rollout.judging import Routed, Shadowed
    from rung.types import Answer

MOST_WAITING = 16


class NotAsked(Exception):
    """It is not to be asked now, which says nothing of the candidate."""


# Answers a question with what is served; None where no answer came. Raises NotAsked.
Ask = Callable[[Asked, Served], "Answer | None"]


class Shadows:
    """Asks shadows in a thread of its own. `told` is given each pair of answers, from there."""

    def __init__(self, ask: Ask, told: Callable[[Shadowed], None]) -> None:
        self._ask, self._told = ask, told
        self._waiting: queue.Queue[tuple[Routed, Asked, Outcome] | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock, self._ended = threading.Lock(), False
        self.asked, self.dropped = 0, 0

    def offer(self, routed: Routed, asked: Asked, outcome: Outcome) -> None:
        """Has the candidate answer this question too, when there is room for it; else it is dropped."""
        with self._lock:
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, daemon=True, name="shadows")
                self._thread.start()
        try:
            self._waiting.put_nowait((routed, asked, outcome))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Asks no more; the one under way is not waited for."""
        self._ended = True
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return

    def _run(self) -> None:
        while not self._ended:
            waiting = self._waiting.get()
            if waiting is not None and not self._ended:
                self.answer(*waiting)

    def answer(self, routed: Routed, asked: Asked, outcome: Outcome) -> None:
        """Asks one, and tells of both answers."""
        from rung.serve.rollout.judging import Shadowed

        began = time.monotonic()
        try:
            answer = self._ask(asked, routed.route.candidate)
        except NotAsked:
            self.dropped += 1
            return
        except Exception:  # whatever it is, it is the candidate's fault, and no thread's end
            answer = None
        self.asked += 1
        seconds = time.monotonic() - began
        self._told(Shadowed(routed=routed, asked=asked, outcome=outcome, answer=answer, seconds=seconds))
