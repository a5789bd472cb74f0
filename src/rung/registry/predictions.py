"""What a climb was said to take before it began, and what it took: kept with its record, shown in its report. Times in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rung.parts import NOTHING, Span

# A step that took so many times as long as it was said to, or as little a part, was not foreseen.
WITHIN = 1.5
# What took less than this is not held against what was said of it.
TOO_SHORT_S = 2.0
# A test at the gate ends sooner or later by how it ends.
When = Literal["", "pass", "fail", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What a step takes: time, answers that are not known yet, tokens that they read and write, and what a server asks for them.

    cached  of the tokens read those that all questions begin with: where a server keeps them, it asks less for them
    usd     None where no price is known; `least` of it has what may be cached, and everything that is done in batches, cheaper
    """

    seconds: Span
    answers: Span = NOTHING
    read: Span = NOTHING
    cached: Span = NOTHING
    written: Span = NOTHING
    usd: Span | None = None

    def __add__(self, other: Amount) -> Amount:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Amount(
            seconds=self.seconds + other.seconds,
            answers=self.answers + other.answers,
            read=self.read + other.read,
            cached=self.cached + other.cached,
            written=self.written + other.written,
            usd=usd,
        )


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a climb, by the key of the fact that will come of it, and what it takes where it ends as `when` says.

    rows  test rows that it will look at, where it looks at any
    """

    key: str
    rung: str
    title: str
    amount: Amount
    when: When = ""
    rows: float | None = None


@dataclass(frozen=True, kw_only=True)
class End:
    """What the whole climb takes where `rung` is the first to pass; where none passes, `rung` is empty."""

    rung: str
    title: str
    amount: Amount


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a climb will take, step by step, and in all by where it ends, the soonest first.

    timed       whether the seconds mean anything: nobody measures what is no model, for asking it may cost something
    measured_s  what measuring the machine took for it; 0 where it was measured before
    crowded     how many times as long as the processor was at work measuring took: other work ran beside it
    notes       what it does not know
    """

    steps: tuple[Step, ...]
    ends: tuple[End, ...]
    timed: bool = True
    measured_s: float = 0.0
    crowded: float = 1.0
    notes: tuple[str, ...] = field(default=())

    def step(self, key: str, when: When = "") -> Step | None:
        """What was said of a step, for its end; None where nothing was."""
        return step_of(self.steps, key, when)


@dataclass(frozen=True, kw_only=True)
class Took:
    """A step that was done: what was said of it last before, and when the climb began, where anything was; and what it took.

    rows  test rows that were looked at, where that hangs on what they show; `expected_rows` were said
    """

    key: str
    rung: str
    title: str
    predicted: Span | None
    seconds: float
    first: Span | None = None
    rows: int | None = None
    expected_rows: float | None = None

    @property
    def factor(self) -> float | None:
        """How many times as long as expected it took; None where that is not known, or both are too short to tell."""
        if self.predicted is None or not self.predicted.expected or max(self.predicted.expected, self.seconds) < TOO_SHORT_S:
            return None
        return self.seconds / self.predicted.expected

    @property
    def missed(self) -> bool:
        """Whether it took so much longer, or so much less, that it was not foreseen."""
        return self.factor is not None and not 1 / WITHIN <= self.factor <= WITHIN


def step_of(steps: Sequence[Step], key: str, when: When = "") -> Step | None:
    """A step by its key, as it was said to be where it ends so; None where nothing was said of it."""
    return next((step for step in steps if step.key == key and step.when in ("", when)), None)
