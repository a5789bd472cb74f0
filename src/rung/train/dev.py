"""When a run asks dev, and what that may take: less than a tenth of what its steps take, in tokens counted, never by the clock.

The same rows give the same stops on a fast machine and on a slow one, and after any interruption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rung.train.batches import Order, computed_tokens
from rung.train.config import TrainConfig
from rung.train.rows import EncodedRow
from rung.train.schedule import dev_steps

# Of the time of the steps so far; what is left of a tenth goes into keeping, hashing and loading what is asked.
SHARE = 0.08
# A token of a step is passed forward and back, that of a question forward alone. One of an answer that is made reads all the
# weights, which those of a prompt share: so many of these are passed forward meanwhile.
STEP_TOKENS, MADE_TOKENS = 2, 4


@dataclass(frozen=True, kw_only=True)
class Best:
    """What was saved after the best step so far, and how many rows of dev it has been asked."""

    folder: Path
    rows: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What dev says of a folder just saved.

    score       of the rows that it was asked
    best_score  that of the best so far, of the rows that it has been asked by now; None where there is none
    better      whether it takes the best's place
    rows        of dev that the better of the two has been asked by now
    asked       rows that were asked for it, of itself and of the best
    """

    score: float
    best_score: float | None
    better: bool
    rows: int
    asked: int


class Dev(Protocol):
    """The task's own score on dev.

    least       rows without which asking tells too little
    __call__()  compares a folder with the best so far, where there is one, on the same rows; at most so many are asked of the two
    """

    @property
    def least(self) -> int: ...

    def __call__(self, folder: Path, best: Best | None, rows: int) -> Asked: ...


class Turns:
    """At which steps dev is asked, if it may take what the steps so far have earned.

    The first that is saved is the best so far without being asked, until another is held against it. Where a run is so short that
    its steps never earn a comparison, dev is asked at its middle and at its end all the same.
    """

    def __init__(self, rows: Sequence[EncodedRow], order: Order, config: TrainConfig) -> None:
        self._rows, self._order = rows, order
        self.due = dev_steps(order.steps, order.steps_per_epoch, config.dev_every)
        self._always = {min(self.due, key=lambda step: abs(step - order.steps / 2)), order.steps}
        self._of_a_row = tokens_of_a_row(rows)
        # What the steps before each have computed, as far as it was asked for.
        self._computed = [0]

    def allowed(self, step: int, spent: int, least: int) -> int | None:
        """Rows that may be asked after `step`, with `spent` so far; None where dev is not asked there."""
        earned = int(SHARE * STEP_TOKENS * self._until(step) / self._of_a_row) - spent
        if step not in self.due or (earned < least and step not in self._always):
            return None
        return max(earned, least)

    def _until(self, step: int) -> int:
        while len(self._computed) <= step:
            taken = [self._rows[index] for index in self._order.at(len(self._computed) - 1)]
            self._computed.append(self._computed[-1] + computed_tokens(taken))
        return self._computed[step]


def tokens_of_a_row(rows: Sequence[EncodedRow]) -> float:
    """What asking a row like these takes, in tokens passed forward: what all prompts begin with is computed once."""
    return (computed_tokens(rows) + MADE_TOKENS * sum(row.supervised for row in rows)) / len(rows)
