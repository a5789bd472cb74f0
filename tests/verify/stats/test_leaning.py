"""Whether one arm has more of something than it was dealt: by simulation, looked at after every one."""

from __future__ import annotations

import numpy as np
import pytest

from rung.verify.stats.leaning import Leaning

LEVEL, RUNS = 0.05, 400


def shown(factor: float, share: float, count: int, runs: int = RUNS) -> tuple[float, float]:
    """Of runs in which the candidate's users meet it `factor` times as often, the part that shows that it has more, or less."""
    rng, found = np.random.default_rng(1), []
    part = factor * share / (factor * share + 1 - share)
    for _ in range(runs):
        leaning = Leaning()
        for half in np.split(rng.random(count) < part, 2):
            leaning.add(half, np.full(len(half), share))
        found.append((leaning.more(LEVEL), leaning.less(LEVEL)))
    more, less = np.mean(found, axis=0)
    return float(more), float(less)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_where_there_is_no_difference_none_is_shown(share: float) -> None:
    within = LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / RUNS)
    assert max(shown(1.0, share, 2000)) <= within


@pytest.mark.parametrize(("factor", "share", "count"), [(3.0, 0.05, 600), (2.0, 0.5, 200)])
def test_more_and_less_are_shown_and_not_for_each_other(factor: float, share: float, count: int) -> None:
    more, less = shown(factor, share, count)
    assert more > 0.9 and less <= LEVEL
    more, less = shown(1 / factor, share, 4 * count)
    assert less > 0.9 and more <= LEVEL


def test_chances_may_differ_from_one_to_the_next() -> None:
    rng, found = np.random.default_rng(2), []
    for _ in range(RUNS):
        leaning, chances = Leaning(), rng.uniform(0.02, 0.6, 1000)
        leaning.add(rng.random(1000) < chances, chances)
        found.append(leaning.more(LEVEL) or leaning.less(LEVEL))
        assert leaning.count == 1000 and abs(leaning.mine - leaning.dealt) < 100
    assert np.mean(found) <= 2 * LEVEL


def test_nothing_says_nothing() -> None:
    leaning = Leaning()
    leaning.add([], [])
    assert not leaning.more(0.5) and not leaning.less(0.5) and leaning.count == 0
