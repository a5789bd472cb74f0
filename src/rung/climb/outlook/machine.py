"""How fast a machine is: what it takes for a pass, a token, an answer, fitted to a few timings. Linear in what is counted.

A pass reads the weights once and has calls of its own; tokens are multiplied; what they look back at is attention; tokens that are
written come one by one beside those of the other rows; a row is rendered, split into tokens and kept. Few timings cannot tell five
figures apart: where they do not, the figures keep the proportions of `USUAL`, as a ridge regression towards them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

# How strongly figures are held to the usual proportions, as a share of what a timing of the usual size says.
HELD = 0.05


@dataclass(frozen=True, kw_only=True)
class Load:
    """What answers put on a machine, counted.

    passes  through the weights
    tokens  that are read, those of choices included
    seen    tokens that those looked back at, in thousands: each reads all before it
    made    tokens that are written, one a pass
    rows    answers
    """

    passes: float = 0.0
    tokens: float = 0.0
    seen: float = 0.0
    made: float = 0.0
    rows: float = 0.0

    @property
    def counts(self) -> tuple[float, ...]:
        """In the order of the fields."""
        return (self.passes, self.tokens, self.seen, self.made, self.rows)

    def __add__(self, other: Load) -> Load:
        return Load(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Load)})

    def times(self, factor: float) -> Load:
        """So many times as much."""
        return Load(**{one.name: getattr(self, one.name) * factor for one in fields(Load)})


# Seconds for each, of a base of 135 million weights in bfloat16 on two cores: what proportions are taken from.
USUAL = Load(passes=0.02, tokens=0.0004, seen=0.0004, made=0.003, rows=0.001)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Seconds that each thing takes on one machine, of one base in one precision.

    cost       of each thing that a Load counts
    load_s     until the base is in memory
    trained    tokens a second in training steps, by method
    precision  that it computes in; "" where it is not known, as of a server
    took_s     how long measuring this took
    """

    cost: Load
    load_s: float = 0.0
    trained: Mapping[str, float] = field(default_factory=dict)
    precision: str = ""
    took_s: float = 0.0

    def seconds(self, load: Load) -> float:
        """What this takes, once the base is in memory."""
        return sum(each * count for each, count in zip(self.cost.counts, load.counts, strict=True))

    def reads(self, seconds: float) -> float:
        """About how many tokens of short questions are read in so many seconds, with all that goes with them."""
        each = self.cost.tokens + self.cost.rows / SHORT_ROW + self.cost.passes / PASS_TOKENS
        return seconds / max(each, 1e-12)


# Tokens of a short question, and those that one pass holds.
SHORT_ROW, PASS_TOKENS = 60, 2000


def fit(timings: Sequence[tuple[Load, float]]) -> Load:
    """Seconds for each thing that a Load counts, none below zero, from loads and the seconds that they took.

    Least squares of relative errors: a short timing says as much as a long one. Raises ValueError without a timing.
    """
    import numpy as np
    from scipy.optimize import nnls

    if not timings:
        raise ValueError("nothing was timed")
    usual = np.array(USUAL.counts)
    # Columns in usual proportions: what is sought is how many times the usual each figure is.
    shares = np.array([np.array(load.counts) * usual / took for load, took in timings])
    scale = float(shares.sum(1).sum() / (shares.sum(1) ** 2).sum())
    held = HELD * len(timings) ** 0.5
    pull = held * np.eye(len(usual)) / scale
    wanted = np.concatenate([np.ones(len(timings)), np.full(len(usual), held)])
    found, _ = nnls(np.vstack([shares, pull]), wanted)
    return Load(**{one.name: float(value) for one, value in zip(fields(Load), found * usual, strict=True)})
