"""Does one arm have more, or less, of something than the part of those who ask that it was dealt?

Who asks is dealt to the candidate with a known chance p. Where a thing (a complaint) befalls both arms' users alike, each of those
who met it was the candidate's with that chance: 1/p where it was, 0 where not, has mean 1, and 1/(1-p) where it was not. Stakes on
either being more (`eprocess`; Ville, 1939) reach 1 / level with probability at most `level`, however often one looks.
"""

from __future__ import annotations

import math
from typing import Any

from rung.verify.stats.eprocess import Wealth


class Leaning:
    """Of those who met it, how many were the candidate's (`mine`), and how many would have been (`dealt`)."""

    def __init__(self) -> None:
        self.mine = self.dealt = 0.0
        self.count = 0
        self._more = self._less = Wealth(bar=1.0)

    def add(self, candidate: Any, chances: Any) -> None:
        """Further ones, the earliest first: (n,) whether each is the candidate's, (n,) the chance in (0, 1) that it would be."""
        import numpy as np

        mine, p = np.asarray(candidate, float), np.asarray(chances, float)
        if not len(mine):
            return
        self._more = self._more.after(mine / p)
        self._less = self._less.after((1 - mine) / (1 - p))
        self.count += len(mine)
        self.mine += float(mine.sum())
        self.dealt += float(p.sum())

    def more(self, level: float) -> bool:
        """Whether the candidate has more of it than it was dealt, shown at some time so far."""
        return float(self._more.peak) >= math.log(1 / level)

    def less(self, level: float) -> bool:
        """Whether it has less."""
        return float(self._less.peak) >= math.log(1 / level)
