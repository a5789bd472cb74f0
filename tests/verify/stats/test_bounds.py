import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from rung.verify.stats import bounds, clusters


@pytest.mark.parametrize("n", [1, 5, 37, 300, 1200])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.97, 1.0])
def test_clopper_pearson_agrees_with_statsmodels(n, share):
    k = round(share * n)
    assert bounds.clopper_pearson(k, n, 0.025) == pytest.approx(proportion_confint(k, n, 0.05, method="beta"), abs=1e-9)


def test_clopper_pearson_is_exact_at_its_level():
    from scipy.stats import binom

    for n in (20, 75, 300):
        lowers = np.array([bounds.clopper_pearson(k, n, 0.05)[0] for k in range(n + 1)])
        for p in (0.5, 0.8, 0.95):
            assert binom.pmf(np.flatnonzero(lowers > p), n, p).sum() <= 0.05


def _clustered(rng, count, sizes, p, correlation):
    """Scores of clusters whose rates follow a beta distribution with mean p and this correlation within a cluster."""
    rates = (
        rng.beta(p * (1 - correlation) / correlation, (1 - p) * (1 - correlation) / correlation, count)
        if correlation
        else np.full(count, p)
    )
    of = np.repeat(np.arange(count), sizes)
    return (rng.random(len(of)) < rates[of]).astype(float), of


@pytest.mark.parametrize("count", [20, 60, 250])
@pytest.mark.parametrize("p", [0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.7])
def test_clustered_bounds_keep_their_level(count, p, correlation):
    rng = np.random.default_rng(count)
    sizes = 1 + np.arange(count) % 9
    wrong, runs, level = np.zeros(2), 500, 0.025
    for _ in range(runs):
        scores, of = _clustered(rng, count, sizes, p, correlation)
        found = bounds.fixed_bounds(scores, of, level)
        wrong += (found.lower > p, found.upper < p)
    # Three standard errors above the level: what chance alone would hardly do to a bound that keeps it.
    assert (wrong / runs).max() <= level + 3 * np.sqrt(level / runs)


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_few_clusters_are_bet_on_and_stay_valid(correlation):
    rng = np.random.default_rng(7)
    wrong, runs = np.zeros(2), 400
    for _ in range(runs):
        scores, of = _clustered(rng, 8, np.full(8, 6), 0.8, correlation)
        found = bounds.fixed_bounds(scores, of, 0.05)
        assert found.method == "betting"
        wrong += (found.lower > 0.8, found.upper < 0.8)
    assert (wrong / runs).max() <= 0.05


@pytest.mark.parametrize(("a", "b"), [(8.0, 2.0), (0.5, 0.05), (1.0, 1.0)])
def test_bounds_on_scores_between_zero_and_one(a, b):
    rng = np.random.default_rng(3)
    wrong, widths, runs, mean = np.zeros(2), [], 300, a / (a + b)
    for _ in range(runs):
        scores = rng.beta(a, b, 200)
        found = bounds.fixed_bounds(scores, np.arange(200), 0.025)
        wrong += (found.lower > mean, found.upper < mean)
        widths.append((found.upper - found.lower) / (2 * 1.96 * scores.std() / np.sqrt(200)))
    assert (wrong / runs).max() <= 0.025
    assert np.median(widths) < 2.2


def test_all_right_in_many_clusters_is_not_certainty():
    of = np.repeat(np.arange(40), 10)
    assert bounds.fixed_bounds(np.ones(400), of, 0.05).lower < 0.95
    assert bounds.clopper_pearson(400, 400, 0.05)[0] > 0.99


def test_design_effect_is_that_of_the_correlation():
    rng = np.random.default_rng(1)
    scores, of = _clustered(rng, 200, np.full(200, 5), 0.6, 0.5)
    independent = rng.random(1000) < 0.6
    assert bounds.design_effect(scores, of) == pytest.approx(1 + 4 * 0.5, rel=0.25)
    assert bounds.design_effect(independent.astype(float), np.arange(1000)) == pytest.approx(1.0, abs=0.02)


def test_design_effect_agrees_with_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    scores, of = _clustered(rng, 40, 1 + np.arange(40) % 4, 0.7, 0.3)
    fit = sm.OLS(scores, np.ones(len(scores))).fit(cov_type="cluster", cov_kwds={"groups": of}, use_t=True)
    # statsmodels also multiplies by (n - 1) / (n - 1) = 1 here; only the mean is fitted.
    clustered, alone = fit.bse[0], sm.OLS(scores, np.ones(len(scores))).fit().bse[0]
    assert bounds.design_effect(scores, of) == pytest.approx((clustered / alone) ** 2, abs=1e-9)


def test_labels_take_a_row_without_group_as_its_own():
    assert clusters.labels(["a", "", "a", "", "b"]) == [0, 1, 0, 2, 3]
    assert clusters.count(["", "", "x", "x"]) == 3


def test_gate_order_keeps_clusters_together_and_is_fixed_by_the_seed():
    groups = [f"g{i % 7}" for i in range(50)] + [""] * 20
    order = clusters.look_order(groups, 3)
    assert sorted(order) == list(range(70))
    assert order == clusters.look_order(groups, 3) != clusters.look_order(groups, 4)
    runs = [
        groups[row] for place, row in enumerate(order) if groups[row] and (place == 0 or groups[order[place - 1]] != groups[row])
    ]
    assert len(runs) == len(set(runs))
