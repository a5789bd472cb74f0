"""What each token of a pass is multiplied by, as compiled code reads it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate

# Neighbouring tokens of the same ranks that are computed together: what they are multiplied by is read once for them.
RUN_TOKENS = 4

Entries = Sequence[tuple[int, int, float]]


class TokenRanks:
    """Which ranks of a product's factors each token of a pass is answered with, and their weights.

    Tokens lie in runs, of at most RUN_TOKENS neighbours that are answered alike.
    """

    def __init__(self, runs: Sequence[tuple[int, int, Entries]]) -> None:
        """Of each run its first token, the one behind its last, and its entries: (first rank, the one behind the last, weight)."""
        runs = [(at, min(at + RUN_TOKENS, end), own) for begin, end, own in runs if own for at in range(begin, end, RUN_TOKENS)]
        entries = [entry for _, _, own in runs for entry in own]
        self.runs = len(runs)
        self._arrays = (
            array("q", [place for begin, end, _ in runs for place in (begin, end)]),
            array("q", accumulate((len(own) for _, _, own in runs), initial=0)),
            array("q", [first for first, _, _ in entries]),
            array("q", [last for _, last, _ in entries]),
            array("f", [weight for _, _, weight in entries]),
        )
        # Of: runs (runs, 2), the ends of each run's entries behind a zero (runs + 1,), firsts, lasts and weights (entries,).
        self.addresses = tuple(numbers.buffer_info()[0] for numbers in self._arrays)
