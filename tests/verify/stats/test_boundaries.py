"""Exact boundaries against every outcome of few rows, and the bounds' validity at all bars at once."""

import itertools

import numpy as np
import pytest

from rung.verify.stats import boundaries
from rung.verify.stats.gate import Claim, judge, look


@pytest.fixture
def short_looks(monkeypatch):
    """A look after every three rows, so that few rows have several."""
    monkeypatch.setattr(boundaries, "LOOK_EVERY", 3)
    _forget()
    yield
    _forget()


def _forget():
    for cached in (boundaries.looks, boundaries.fewest_right):
        cached.cache_clear()


def _paths(n):
    """Every outcome of n rows, and the right answers at each look."""
    outcomes = np.array(list(itertools.product((0, 1), repeat=n)))
    return outcomes, outcomes.cumsum(axis=1)[:, np.array(boundaries.looks(n)) - 1]


@pytest.mark.parametrize("n", [1, 5, 9, 12])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_level_is_exact_by_all_outcomes(short_looks, n, alpha):
    outcomes, right = _paths(n)
    for bar in (0.2, 0.5, 0.8, 0.9):
        chances = np.prod(np.where(outcomes, bar, 1 - bar), axis=1)
        crossed = np.array([boundaries.refuted(row, n, alpha, boundaries.tick_above(bar, n)) for row in right.tolist()])
        passed = np.array([boundaries.passed(row, n, alpha, bar) for row in right.tolist()])
        failed = np.array([boundaries.failed(row, n, alpha, bar) for row in right.tolist()])
        assert chances[crossed].sum() <= alpha + 1e-12 and chances[failed].sum() <= alpha + 1e-12
        assert chances[passed].sum() <= chances[crossed].sum()
        # What a single row more at the last look would add does not fit: no boundary is higher than it need be.
        last = boundaries.fewest_right(n, alpha, boundaries.tick_above(bar, n))[-1]
        added = ~crossed & (right[:, -1] == last - 1)
        assert not added.any() or chances[crossed].sum() + chances[added].sum() > alpha - 1e-12


def test_the_bounds_hold_at_all_bars_at_once_by_all_outcomes(short_looks):
    """P(lower bound > p) for p all over, with every look: what makes a lowered bar free."""
    n, alpha = 12, 0.1
    outcomes, right = _paths(n)
    lower = np.array([boundaries.lower_bound(row, n, alpha) for row in right.tolist()])
    upper = np.array([boundaries.upper_bound(row, n, alpha) for row in right.tolist()])
    early = np.array([boundaries.lower_bound(row[:2], n, alpha) for row in right.tolist()])
    assert (early <= lower).all()
    for p in np.linspace(0.013, 0.987, 60):
        chances = np.prod(np.where(outcomes, p, 1 - p), axis=1)
        assert chances[lower > p].sum() <= alpha and chances[upper < p].sum() <= alpha


@pytest.mark.parametrize(("n", "alpha", "bar"), [(300, 0.0125, 0.8), (1200, 0.0125, 0.83), (500, 0.05, 0.99), (1000, 0.01, 1 / 3)])
def test_the_level_is_spent_and_never_exceeded(n, alpha, bar):
    at_bar = boundaries.operating(n, alpha, bar, bar)
    assert at_bar.passes <= alpha and at_bar.fails <= alpha
    assert at_bar.passes > 0.8 * alpha or bar > 0.98
    assert boundaries.operating(n, alpha, bar, bar - 0.01).passes < at_bar.passes


def test_the_recursion_against_drawn_gates():
    rng, n, alpha, bar, truth = np.random.default_rng(1), 300, 0.05, 0.8, 0.86
    right = (rng.random((20_000, n)) < truth).cumsum(axis=1)[:, np.array(boundaries.looks(n)) - 1]
    up = right >= boundaries.fewest_right(n, alpha, boundaries.tick_above(bar, n))
    exact = boundaries.operating(n, alpha, bar, truth)
    rows = np.where(up.any(axis=1), np.array(boundaries.looks(n))[up.argmax(axis=1)], n).mean()
    assert up.any(axis=1).mean() == pytest.approx(exact.passes, abs=0.012)
    assert rows == pytest.approx(exact.rows, rel=0.02)


def test_looks_are_better_than_half_of_alpha_for_the_last_one():
    """The audit's line: truth .86, a bar of .83."""
    from scipy.stats import binom

    found = boundaries.operating(1200, 0.0125, 0.83, 0.86)
    half = float(binom.sf(binom.isf(0.0125 / 2, 1200, 0.83), 1200, 0.86))
    assert found.passes > half + 0.04 and found.rows < 950


@pytest.mark.parametrize("n", [100, 500, 1200])
def test_bounds_and_verdicts_agree_whatever_the_bar(n):
    rng = np.random.default_rng(2)
    for truth in (0.3, 0.75, 0.9, 1.0):
        scores = (rng.random(n) < truth).astype(float)
        for bar in (0.25, 0.5, 0.7, 0.8, 0.85, 0.901, 1 / 3, 0.995):
            verdict = judge(scores, Claim(groups=[""] * n, bar=bar, alpha=0.02))
            assert (verdict.status == "pass") == (verdict.lower >= bar)
            assert (verdict.status == "fail") == (verdict.upper < bar)


def test_a_lower_bar_for_the_same_rows_is_what_the_bound_said():
    """Asked again with a lower bar, the gate passes exactly the bars up to the bound that it gave."""
    rng, n = np.random.default_rng(3), 400
    scores = (rng.random(n) < 0.86).astype(float)
    proven = judge(scores, Claim(groups=[""] * n, bar=0.9, alpha=0.0125)).lower
    for bar in np.round(np.arange(0.7, 0.9, 0.001), 3):
        assert (judge(scores, Claim(groups=[""] * n, bar=float(bar), alpha=0.0125)).status == "pass") == (bar <= proven)


def test_scores_in_between_that_come_late_do_not_spend_alpha_twice():
    """Scores of 0 and 1 but for a rare one in between: exact looks until it comes, then the e-process and Gaffke's bound."""
    rng, n, bar, alpha, wrong, runs = np.random.default_rng(4), 150, 0.8, 0.1, 0, 150
    for _ in range(runs):
        scores = (rng.random(n) < bar).astype(float)
        scores = np.where(rng.random(n) < 0.02, rng.choice([0.6, 1.0], n), scores)
        verdict = next(v for end in boundaries.looks(n) if (v := look(scores[:end], Claim(groups=[""] * n, bar=bar, alpha=alpha))))
        wrong += verdict.status == "pass"
    assert wrong / runs <= alpha + 2 * np.sqrt(alpha / runs)


def test_five_thousand_rows_are_computed():
    assert boundaries.operating(5000, 0.0125, 0.9, 0.92).passes > 0.99
    assert boundaries.lower_bound([round(0.93 * n) for n in boundaries.looks(5000)], 5000, 0.0125) > 0.9
