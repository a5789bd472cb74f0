"""Two arms that answer at the same time: is the candidate worse than the champion by more than it may be, or not?

Who asks is dealt to the candidate with a known chance p. What an answer of score x then says of the difference of the two means is

    z = m1 - m0 + (x - m1) / p            where the candidate answered
    z = m1 - m0 - (x - m0) / (1 - p)      where the champion did

with m1 and m0 guessed from what came before. Whatever the guesses are, and however the traffic drifts, z has the mean of the
difference at that moment, for p is known (Robins, Rotnitzky and Zhao, 1994: the augmented inverse-probability weight). So bets on
it are a test that may be looked at after every answer (`eprocess`; Ville, 1939; Waudby-Smith and Ramdas, arXiv 2010.09686): while
the candidate is not worse than it may be, the stake against it reaches 1 / alpha with probability at most alpha, at any time. A
second stake is bet the other way round: that it is no better than what it must be shown to be above. The same question answered by
both gives its difference itself.

One who asks counts once for each share that the candidate has had, by the first score: further ones of the same person would be no
further draw. The chance of a second time is the chance given the first: who was with the champion at a share of s is with the
candidate at s' with probability (s' - s) / (1 - s), and who was with the candidate stays there and says nothing new (`Drawn`).

Where who is heard depends on the arm itself (the candidate's users say less), p is not the chance among those who are heard. What
is wrong by then is the difference between the chances times that between a mean and its guess: it fades as the guesses come
right, and until they have, alpha does not hold to the letter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.verify.stats.eprocess import Wealth

if TYPE_CHECKING:
    import numpy as np

# Answers that a guess is worth before there are any: the champion's is of one half, the candidate's that of the champion.
PRIOR_CHAMPION, PRIOR_CANDIDATE = 2.0, 10.0
# No guess is surer than this, and no bet is on what cannot be lost.
EDGE = 0.005
LEAST_RISK = 0.02


@dataclass(frozen=True, kw_only=True)
class Line:
    """Where two stakes are bet: that the candidate's mean less the champion's is below `-harm`, and that it is above `aim`; where
    that is None, the first alone."""

    harm: float
    aim: float | None


class Arms:
    """What was seen of both arms so far, of one rollout or of many alike side by side (arrays of `shape`)."""

    def __init__(self, line: Line, shape: tuple[int, ...] = ()) -> None:
        import numpy as np

        self.line = line
        # Of the champion, then of the candidate: answers, the sum of their scores, and of the squares of these.
        self.count, self.total, self.squares = (np.zeros((2, *shape)) for _ in range(3))
        self.harm, self.aim = Wealth(bar=1.0), Wealth(bar=1.0)

    def add(self, candidate: Any, scores: Any, chances: Any) -> None:
        """Further answers, the earliest first.

        candidate  (*shape, n) whether the candidate gave it
        scores     (*shape, n) in [0, 1]
        chances    (*shape, n) in (0, 1): that it would be the candidate's, given all before
        """
        import numpy as np

        mine, x, p = np.asarray(candidate, bool), np.asarray(scores, float), np.asarray(chances, float)
        arms = np.stack([~mine, mine]).astype(float)
        m0, m1 = self._guesses(arms, x)
        ahead = m1 - m0
        z = ahead + np.where(mine, (x - m1) / p, (m0 - x) / (1 - p))
        most = ahead + np.maximum((1 - m1) / p, m0 / (1 - p))
        least = ahead - np.maximum(m1 / p, (1 - m0) / (1 - p))
        self._bet(z, least, most)
        self._seen(arms, arms * x)

    def add_pairs(self, candidate: Any, champion: Any) -> None:
        """Scores in [0, 1] of both on the same questions, (*shape, n) each, the earliest first."""
        import numpy as np

        scores = np.stack([np.asarray(champion, float), np.asarray(candidate, float)])
        z = scores[1] - scores[0]
        self._bet(z, np.full(z.shape, -1.0), np.full(z.shape, 1.0))
        self._seen(np.ones(scores.shape), scores)

    def _guesses(self, arms: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The means of champion and candidate before each answer, guessed from those before it."""
        import numpy as np

        count = self.count[..., None] + np.cumsum(arms, axis=-1) - arms
        total = self.total[..., None] + np.cumsum(arms * x, axis=-1) - arms * x
        champion = (total[0] + PRIOR_CHAMPION / 2) / (count[0] + PRIOR_CHAMPION)
        candidate = (total[1] + PRIOR_CANDIDATE * champion) / (count[1] + PRIOR_CANDIDATE)
        return np.clip(champion, EDGE, 1 - EDGE), np.clip(candidate, EDGE, 1 - EDGE)

    def _bet(self, z: np.ndarray, least: np.ndarray, most: np.ndarray) -> None:
        """On differences z that each lie within [least, most]."""
        import numpy as np

        harm, aim = self.line.harm, self.line.aim
        self.harm = self.harm.after(1 + (-z - harm) / np.maximum(most + harm, LEAST_RISK))
        if aim is not None:
            self.aim = self.aim.after(1 + (z - aim) / np.maximum(aim - least, LEAST_RISK))

    def _seen(self, arms: np.ndarray, scores: np.ndarray) -> None:
        self.count += arms.sum(axis=-1)
        self.total += scores.sum(axis=-1)
        self.squares += (scores**2).sum(axis=-1)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one comparison stands: `n` answers of champion and candidate that counted, their means, and what the stakes say.

    harm, aim  the largest stakes so far, as factors: evidence that it is worse than it may be, and that it is above its aim
    """

    n: tuple[int, int]
    means: tuple[float | None, float | None]
    harm: float
    aim: float

    @property
    def difference(self) -> float | None:
        """The candidate's mean less the champion's; None before both have answered."""
        champion, candidate = self.means
        return None if champion is None or candidate is None else candidate - champion


LARGEST = 1e12  # beyond which evidence is told as that


def standing(arms: Arms) -> Standing:
    """How one rollout (no `shape`) stands."""
    n = int(arms.count[0]), int(arms.count[1])
    means = tuple(float(total / count) if count else None for total, count in zip(arms.total, arms.count, strict=True))
    return Standing(n=n, means=(means[0], means[1]), harm=_factor(arms.harm), aim=_factor(arms.aim))


def _factor(stake: Wealth) -> float:
    return math.exp(min(float(stake.peak), math.log(LARGEST)))


def more_needed(arms: Arms, level: float, share: float) -> int | None:
    """About how many more who ask would show that the candidate is above its aim, were all as so far; None where none would.

    By the growth of the best bet, half the squared gap over the variance, and what is lost by not knowing it.
    """
    count, total, squares = arms.count, arms.total, arms.squares
    if arms.line.aim is None or not count.all() or not 0 < share < 1:
        return None
    means = total / count
    gap = float(means[1] - means[0]) - arms.line.aim
    if gap <= 0:
        return None
    # Half an answer right and half an answer wrong beside those seen: few that are alike do not say that all are.
    near = (total + 0.5) / (count + 1)
    spread = [max(float(value), 1e-4) for value in (squares + 0.5) / (count + 1) - near**2]
    variance = spread[1] / share + spread[0] / (1 - share)
    missing = math.log(1 / level) + math.log(4) - float(arms.aim.now)
    return max(1, math.ceil(missing * 2 * variance / gap**2))


class Drawn:
    """What is known of where each who asks lies in the draw that deals the arms, from the arms in which they have counted."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float]] = {}

    def chance(self, unit: str, share: float) -> float | None:
        """That the unit is the candidate's at this share, given where it was before; None where that is settled already."""
        low, high = self._known.get(unit, (0.0, 1.0))
        return (share - low) / (high - low) if low < share < high else None

    def learn(self, unit: str, share: float, *, candidate: bool) -> None:
        """The unit counted in this arm at this share."""
        low, high = self._known.get(unit, (0.0, 1.0))
        self._known[unit] = (low, min(high, share)) if candidate else (max(low, share), high)
