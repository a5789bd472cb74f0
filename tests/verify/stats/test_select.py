import numpy as np
import pytest

from rung.verify.stats.select import one_standard_error, standard_error

ALONE = [""] * 200


def test_the_cheapest_within_the_noise_is_taken():
    rng = np.random.default_rng(0)
    base = (rng.random(200) < 0.8).astype(float)
    same = base.copy()
    same[:2] = 1 - same[:2]
    worse = base.copy()
    worse[:60] = 0.0
    assert one_standard_error([(9.0, base), (3.0, same), (1.0, worse)], ALONE[:200]) in (0, 1)
    assert one_standard_error([(9.0, base), (1.0, worse)], ALONE[:200]) == 0
    assert one_standard_error([(9.0, [1.0, 0.0, 1.0, 1.0]), (3.0, [1.0, 1.0, 1.0, 0.0])], ALONE[:4]) == 1


def test_a_gain_in_one_group_is_one_gain():
    better = [1.0] * 40
    worse = [0.0] * 10 + [1.0] * 30
    groups = [f"g{row // 10}" for row in range(40)]
    assert one_standard_error([(2.0, better), (1.0, worse)], ALONE[:40]) == 0
    assert one_standard_error([(2.0, better), (1.0, worse)], groups) == 1


def test_the_standard_error_is_that_of_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    a, b = rng.random(90), rng.random(90)
    of = np.arange(90) // (2 + np.arange(90) % 3)
    fit = sm.OLS(a - b, np.ones(90)).fit(cov_type="cluster", cov_kwds={"groups": of}, use_t=True)
    assert standard_error(a, b, [str(group) for group in of]) == pytest.approx(fit.bse[0], rel=1e-9)
    assert standard_error(a, b, ALONE[:90]) == pytest.approx((a - b).std(ddof=1) / np.sqrt(90))
    assert standard_error([1.0, 0.0], [0.0, 0.0], ["g", "g"]) == 0.0


def test_ties_go_to_the_better_then_to_the_first():
    assert one_standard_error([(1.0, [1.0, 0.0]), (1.0, [1.0, 1.0]), (1.0, [1.0, 1.0])], ALONE[:2]) == 1


def test_rows_without_a_score_count_against():
    assert one_standard_error([(2.0, [1.0] * 20), (1.0, [None] * 20)], ALONE[:20]) == 0


def test_input_that_cannot_be_compared():
    for trials in ([], [(1.0, [1.0]), (2.0, [1.0, 0.0])]):
        with pytest.raises(ValueError, match="same rows"):
            one_standard_error(trials, ALONE[:2])


def test_the_best_of_many_reads_too_high():
    """The winner's curse that the module's docstring quotes: equal trials, truth 70%."""
    rng = np.random.default_rng(1)
    for trials, rows, points in ((18, 1000, 2.6), (20, 50, 12.0)):
        excess = 100 * ((rng.random((400, trials, rows)) < 0.7).mean(axis=2).max(axis=1).mean() - 0.7)
        assert points - 2.0 < excess < points + 0.5
