"""How much was taken in the last minute, by a clock that grows steadily: a sliding window that forgets a little at a time."""

from __future__ import annotations

from collections import deque

SPAN_S = 60.0
# What is taken within such a part of a second goes at once: a window holds at most 240 of them, however much it counts.
GRAIN_S = 0.25


class Window:
    """What was taken in the last minute. Not for several threads at once."""

    def __init__(self) -> None:
        self._grains: deque[list[float]] = deque()
        self._total = 0.0

    def taken(self, moment: float) -> float:
        """What counts at a moment (seconds, never less than at the last call)."""
        while self._grains and self._grains[0][0] + SPAN_S + GRAIN_S <= moment:
            self._total -= self._grains.popleft()[1]
        return self._total

    def add(self, moment: float, amount: float) -> float:
        """Counts an amount; gives the grain that it is in, for `correct`."""
        self.taken(moment)  # what is too old goes, also where nobody asks
        grain = moment - moment % GRAIN_S
        if not self._grains or self._grains[-1][0] != grain:
            self._grains.append([grain, 0.0])
        self._grains[-1][1] += amount
        self._total += amount
        return grain

    def correct(self, grain: float, by: float) -> None:
        """Changes what was counted then; nothing where that is forgotten already."""
        for known in reversed(self._grains):
            if known[0] == grain:
                known[1] += by
                self._total += by
                return
            if known[0] < grain:
                return

    def wait_s(self, moment: float, amount: float, bound: float) -> float | None:
        """Seconds until an amount fits under a bound, 0 where it does now; None where it never can."""
        if amount > bound:
            return None
        over = self.taken(moment) + amount - bound
        if over <= 0:
            return 0.0
        for grain, counted in self._grains:
            over -= counted
            if over <= 1e-9:
                return max(grain + SPAN_S + GRAIN_S - moment, 0.001)
        return SPAN_S
