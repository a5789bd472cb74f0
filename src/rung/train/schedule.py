"""When the learning rate rises and falls, and when dev is asked."""

from __future__ import annotations

import math

FLOOR = 0.1


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Linear warm-up, never zero, over `warmup_share` of the steps; then a cosine down to a tenth of the peak. `step` from 0."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))


def dev_steps(steps: int, steps_per_epoch: int, dev_every: float) -> tuple[int, ...]:
    """Steps (counted when done) after which dev is asked: every `dev_every` of an epoch, and at the end.

    A regular one that comes less than half an interval before the end is left out.
    """
    interval = max(1.0, dev_every * steps_per_epoch)
    count = math.ceil(steps / interval)
    regular = (round(number * interval) for number in range(1, count + 1))
    return (*(step for step in regular if step <= steps - interval / 2), steps)
