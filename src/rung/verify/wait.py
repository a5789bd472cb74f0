"""What a caller waits for an answer: rows asked one at a time, with nothing known beforehand, by the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rung.types import Example

# Rows that are asked alone: the fewest of which one may be slower than a limit that 95 of 100 must keep.
WAIT_ROWS = 20
# What a limit asks for: this share of the answers within it.
SHARE = 0.95


def waits(
    ask: Callable[[Example], object], rows: Sequence[Example], limit_s: float, *, clock: Callable[[], float] = time.monotonic
) -> tuple[float, ...]:
    """Seconds until the answer to each of WAIT_ROWS rows, or of all where there are fewer, each asked alone.

    The first row is asked once before, untimed: a model that must first be loaded keeps nobody waiting who serves it. Ends early
    once so many were slower than `limit_s` that SHARE of WAIT_ROWS can no longer be within it, so that it takes little more than
    WAIT_ROWS times the limit.
    """
    asked = rows[:WAIT_ROWS]
    seconds: list[float] = []
    for row in asked[:1]:
        ask(row)
    for row in asked:
        started = clock()
        ask(row)
        seconds.append(clock() - started)
        if sum(one > limit_s for one in seconds) > (1 - SHARE) * len(asked) + 1e-9:
            break
    return tuple(seconds)
