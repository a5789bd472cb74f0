"""How soon a rollout rolls back a candidate of a known fault: by the very stakes that will judge it, simulated and seeded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from rung.verify.stats.arms import Arms, Line

SAMPLES = 400
# At a smaller share the candidate's own answers are what is waited for: as many of them as at this one.
LEAST_SHARE = 0.05
MOST_REQUESTS = 60_000
LOOK = 25
SURE, NEARLY_CERTAIN = 0.9, 0.99


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a promise is of: a candidate that is `worse` by so much, of a champion whose mean is `mean`.

    share   of the candidate among those who ask; 0 where both answer the same questions
    level   of alpha, for this one comparison
    """

    worse: float
    mean: float
    share: float
    harm: float
    level: float


def hardest_mean(worse: float) -> float:
    """The champion's mean at which such a candidate's scores vary most, so that it is found latest."""
    return min(1.0, 0.5 + worse)


def promised(setting: Setting, sure: float = SURE) -> int | None:
    """Within how many who ask (answers to both, where the share is 0) it is rolled back with probability `sure`.

    None where no number is promised: it is not worse by more than the harm, or would take more than MOST_REQUESTS.
    """
    found = _first_crossings(setting)
    place = math.ceil(sure * SAMPLES) - 1
    return found[place] if place < len(found) else None


@lru_cache(maxsize=64)
def _first_crossings(setting: Setting) -> tuple[int, ...]:
    """After how many each simulated rollout was rolled back, the earliest first; of enough of them for every promise."""
    import numpy as np

    if setting.worse <= setting.harm or setting.worse > setting.mean:
        return ()
    share = max(setting.share, LEAST_SHARE) if setting.share else 0.0
    rng, needed = np.random.default_rng(0), math.log(1 / setting.level)
    arms = Arms(Line(harm=setting.harm, aim=None), (SAMPLES,))
    first = np.full(SAMPLES, MOST_REQUESTS + 1)
    for asked in range(LOOK, MOST_REQUESTS + 1, LOOK):
        drawn = rng.random((SAMPLES, LOOK))
        if share:
            mine = rng.random((SAMPLES, LOOK)) < share
            right = drawn < np.where(mine, setting.mean - setting.worse, setting.mean)
            arms.add(mine, right, np.full(drawn.shape, share))
        else:
            arms.add_pairs(drawn < setting.mean - setting.worse, rng.random((SAMPLES, LOOK)) < setting.mean)
        np.minimum(first, np.where(arms.harm.peak >= needed, asked, first), out=first)
        if (first <= asked).mean() >= NEARLY_CERTAIN:
            break
    stretched = share / setting.share if setting.share else 1.0
    return tuple(math.ceil(asked * stretched) for asked in sorted(first.tolist()) if asked <= MOST_REQUESTS)
