"""What an engine did, for whoever watches it, and how long the next question may have to wait."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from rung.engine.caller import Gone, Late

if TYPE_CHECKING:
    from rung.engine.local.live.question import Question

# Seconds that a rate looks back, and the least and the most that who is refused is told to wait.
LOOKS_BACK_S, LEAST_WAIT_S, MOST_WAIT_S = 10.0, 1.0, 60.0


class Counting:
    """Totals since the engine began, and rates of the last seconds. Written by the engine's thread, read by any."""

    def __init__(self) -> None:
        self.tokens = self.prompt_tokens = self.known_tokens = self.full = 0
        self.answered = self.gone = self.late = self.failed = 0
        self._made: deque[tuple[float, int]] = deque()
        self._ended: deque[float] = deque()

    def read(self, tokens: int, known: int) -> None:
        """A prompt joined."""
        self.prompt_tokens += tokens
        self.known_tokens += known

    def made(self, tokens: int) -> None:
        """Tokens of one row."""
        now = time.monotonic()
        self.tokens += tokens
        self._made.append((now, tokens))
        while self._made[0][0] < now - LOOKS_BACK_S:
            self._made.popleft()

    def end(self, question: Question) -> None:
        """A question is done."""
        error = question.error
        self.gone += isinstance(error, Gone)
        self.late += isinstance(error, Late)
        self.failed += error is not None and not isinstance(error, Gone | Late)
        self.answered += error is None
        now = time.monotonic()
        self._ended.append(now)
        while self._ended[0] < now - LOOKS_BACK_S:
            self._ended.popleft()

    @property
    def tokens_per_s(self) -> float:
        """Made, over the last seconds."""
        now = time.monotonic()
        return sum(tokens for at, tokens in list(self._made) if at >= now - LOOKS_BACK_S) / LOOKS_BACK_S

    def wait_s(self, waiting: int) -> float:
        """Until so many who wait have come to their turn, as fast as others did."""
        now = time.monotonic()
        ended = sum(at >= now - LOOKS_BACK_S for at in list(self._ended))
        return min(MOST_WAIT_S, max(LEAST_WAIT_S, waiting * LOOKS_BACK_S / ended)) if ended else LEAST_WAIT_S
