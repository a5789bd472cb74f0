"""Where a value stands on an axis, and which round values to mark on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear axis from `low` to `high`, with the values to mark on it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The share of the axis, 0 to 1, that lies below the value; values beyond an end stand on it."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def fit(values: Iterable[float], *, least: float, marks: int, within: tuple[float, float] | None = None) -> Scale:
    """The tightest axis over `values` that begins and ends on round marks.

    `least` (more than 0) is the shortest span, so that noise does not fill the axis; `marks` is about how many ticks to aim for,
    and `within` the ends that the axis never passes (0 and 1 for a share).
    """
    low, high = _spread(values, least)
    step = _round_step((high - low) / marks)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if within:
        low, high = max(within[0], low), min(within[1], high)
    ticks = _multiples(low, high, step)
    return Scale(low=ticks[0], high=ticks[-1], ticks=ticks)


def exact(values: Iterable[float], *, least: float, marks: int) -> Scale:
    """The axis from the least value to the largest, with its round marks wherever they fall."""
    low, high = _spread(values, least)
    return Scale(low=low, high=high, ticks=_multiples(low, high, _round_step((high - low) / marks)))


def _spread(values: Iterable[float], least: float) -> tuple[float, float]:
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    pad = max(0.0, least - (high - low)) / 2
    return low - pad, high + pad


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    return tuple(round(i * step, 10) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1))


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
