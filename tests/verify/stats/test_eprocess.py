import math

import numpy as np
import pytest

from rung.verify.stats import eprocess
from rung.verify.stats.eprocess import Wealth


def test_the_stake_is_the_same_however_it_is_looked_at():
    scores = np.random.default_rng(0).random(200)
    whole = Wealth(bar=0.45).after(scores)
    parts = Wealth(bar=0.45)
    for part in np.array_split(scores, 37):
        parts = parts.after(part)
    assert parts.now == pytest.approx(whole.now, abs=1e-9)
    assert parts.peak == pytest.approx(whole.peak, abs=1e-9)


def test_the_stake_is_the_mean_of_its_strategies():
    scores = [1.0, 0.0, 0.5, 1.0]
    by_hand = np.mean([math.prod(1 + share / 0.6 * (score - 0.6) for score in scores) for share in eprocess.SHARES])
    assert float(Wealth(bar=0.6).after(scores).now) == pytest.approx(math.log(by_hand))


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_long_runs_neither_overflow_nor_lose_everything(score):
    stake = Wealth(bar=0.5).after(np.full(100_000, score))
    assert np.isfinite(stake.now) and (stake.now > 10_000) == bool(score)


@pytest.mark.parametrize("bar", [0.5, 0.8, 0.95])
def test_false_alarms_under_looks_after_every_row(bar):
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(4):
        stakes = Wealth(bar=bar).after((rng.random((500, 500)) < bar).astype(float))
        false += int((stakes.peak >= math.log(1 / 0.05)).sum())
    print(f"\nfalse alarms with a look after each of 500 rows, truth at the bar of {bar}: {false / 2000:.2%} (at most 5%)")
    assert false / 2000 <= 0.05


def test_clusters_of_unequal_size_stay_valid():
    rng = np.random.default_rng(6)
    sizes = 1 + np.arange(150) % 6
    totals = rng.binomial(sizes, rng.beta(1.6, 0.4, (1500, 150)))
    stakes = Wealth(bar=0.8).after(totals / 6, sizes / 6)
    assert (stakes.peak >= math.log(1 / 0.05)).mean() <= 0.05


def test_the_confidence_sequence_covers_at_all_times_at_once():
    rng = np.random.default_rng(8)
    missed = 0
    for _ in range(300):
        scores = (rng.random(150) < 0.7).astype(float)
        missed += eprocess.lower_bound(scores, np.ones(150), 0.05) > 0.7
    assert missed / 300 <= 0.05
    assert eprocess.lower_bound(np.array([]), np.array([]), 0.05) == 0.0


def test_rows_to_decide_are_those_of_the_reference_simulation():
    """Mean rows (of 500) to pass or fail a bar of .8 at alpha .05: .95 -> 38, .90 -> 93, .60 -> 39 in the project's reference."""
    rng = np.random.default_rng(9)
    for truth, expected in ((0.95, 38), (0.90, 93), (0.60, 39)):
        rows = []
        for _ in range(150):
            scores = (rng.random(500) < truth).astype(float)
            side, bar = (scores, 0.8) if truth > 0.8 else (1 - scores, 0.2)
            stake = Wealth(bar=bar)
            for n, score in enumerate(side, 1):
                stake = stake.after([score])
                if stake.peak >= math.log(20) or n == len(side):
                    rows.append(n)
                    break
        assert np.mean(rows) < 1.4 * expected
