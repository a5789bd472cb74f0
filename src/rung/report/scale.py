"""Where a value stands on an axis, and which round values to mark on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear axis from `low` to `high`, marked every `step`."""

    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        """The share of the axis, 0 to 1, that lies below the value; values beyond an end stand on it."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    @property
    def ticks(self) -> list[float]:
        """The marked values, ends included."""
        return [round(self.low + i * self.step, 10) for i in range(round((self.high - self.low) / self.step) + 1)]


def fit(values: Iterable[float], *, least: float, marks: int, within: tuple[float, float] | None = None) -> Scale:
    """The tightest axis over `values` that begins and ends on round marks.

    `least` is the shortest span (so that noise does not fill the axis), `marks` about how many ticks to aim for, and `within`
    the ends that the axis never passes (0 and 1 for a share).
    """
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    pad = max(0.0, least - (high - low)) / 2
    low, high = low - pad, high + pad
    step = _round_step((high - low) / marks)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if within:
        low, high = max(within[0], low), min(within[1], high)
    return Scale(low=round(low, 10), high=round(high, 10) if high > low else round(low + step, 10), step=step)


def _round_step(raw: float) -> float:
    power = 10 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
