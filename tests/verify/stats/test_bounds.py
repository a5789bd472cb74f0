import itertools

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from rung.verify.stats import bounds, clusters, gaffke


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


def _null(shape, kind, mean):
    """Rates of clusters of these sizes whose mean over rows is `mean`: alike, or the larger the worse, as far as that goes."""
    sizes = np.array(shape, float)
    if kind == "alike":
        return np.full(len(sizes), mean)
    low, high = 0.0, sizes.max()
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(0, sizes - middle).sum() > (1 - mean) * sizes.sum() else (low, middle)
    worst = np.minimum(1, high / sizes)
    return worst if kind == "large bad" else (worst + mean) / 2


SHAPES = {
    "equal": (10,) * 30,
    "1 to 50": tuple(np.resize(np.arange(1, 51), 60)),
    "few large": (40,) * 10 + (1,) * 100,
    "one large": (100,) + (1,) * 300,
    "few": (3, 5, 8, 8, 9),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["alike", "large bad", "half"])
def test_gaffkes_test_keeps_its_level_on_clusters(shape, kind):
    """Rows of a cluster all right or all wrong, which is where smaller imagined clusters fail."""
    rng, sizes, runs = np.random.default_rng(6), np.array(SHAPES[shape]), 2000
    for mean in (0.5, 0.8, 0.95):
        sums = sizes * (rng.random((runs, len(sizes))) < _null(sizes, kind, mean))
        imagined = np.full((runs, 1), -mean * gaffke.imagined_size(sizes.astype(float)))
        p_values = gaffke.approximate_p_values(np.concatenate([sums - mean * sizes, imagined], axis=1))
        for level in (0.05, 0.0125):
            assert (p_values <= level).mean() <= level + 3 * np.sqrt(level / runs)


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.7])
def test_clustered_bounds_keep_their_level(correlation):
    rng = np.random.default_rng(8)
    sizes = 1 + np.arange(60) % 9
    wrong, runs, level = np.zeros(2), 60, 0.1
    for _ in range(runs):
        scores, of = _clustered(rng, 60, sizes, 0.8, correlation)
        found = bounds.fixed_bounds(scores, of, level)
        wrong += (found.lower > 0.8, found.upper < 0.8)
    assert (wrong / runs).max() <= level + 3 * np.sqrt(level / runs)


@pytest.mark.parametrize("support", [(0.0, 1.0), (0.0, 0.5, 1.0), (0.0, 0.9, 1.0), (0.0, 0.1, 1.0)])
def test_gaffkes_level_by_all_outcomes(support):
    """Every distribution on a few points with a mean at the bar, on a grid; every outcome of n rows, each with its probability."""
    from scipy.stats import multinomial

    n, values = 7, np.array(support)
    outcomes = np.array([c for c in itertools.product(range(n + 1), repeat=len(values)) if sum(c) == n])
    weights = [w for w in itertools.product(np.linspace(0, 1, 11), repeat=len(values)) if abs(sum(w) - 1) < 1e-9]
    for mean in (0.3, 0.5, 0.8):
        p_values = np.array([gaffke.p_value(np.repeat(values, c), np.ones(n), 1.0, mean) for c in outcomes])
        for chances in (w for w in weights if abs(np.dot(w, values) - mean) < 1e-9):
            for level in (0.01, 0.05, 0.2):
                assert multinomial.pmf(outcomes[p_values <= level], n, chances).sum() <= level + 1e-9


@pytest.mark.parametrize(("right", "n"), [(1, 1), (3, 12), (12, 12), (80, 100), (297, 300)])
def test_gaffkes_bound_is_clopper_pearsons_on_rows_of_0_and_1(right, n):
    scores = np.array([1.0] * right + [0.0] * (n - right))
    lower, upper = bounds.clopper_pearson(right, n, 0.0125)
    # Pairs of alike rows are rows again.
    found = bounds.fixed_bounds(np.repeat(scores, 2), np.repeat(np.arange(n), 2), 0.0125)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-8)


def test_gaffkes_p_value_is_that_of_the_simplex():
    rng = np.random.default_rng(9)
    sums, sizes, mean = np.array([3.0, 0.5, 2.0, 6.5, 1.0]), np.array([4.0, 1.0, 2.0, 9.0, 1.0]), 0.6
    excess = np.append(sums - mean * sizes, -mean * 9.0)
    drawn = (rng.dirichlet(np.ones(6), 400_000) @ excess <= 0).mean()
    exact = gaffke.p_value(sums, sizes, 9.0, mean)
    assert exact == pytest.approx(drawn, abs=4 * np.sqrt(drawn / 400_000))
    assert gaffke.approximate_p_values(excess[None])[0] == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(("a", "b"), [(8.0, 2.0), (0.5, 0.05), (1.0, 1.0)])
def test_bounds_on_scores_between_zero_and_one(a, b):
    rng = np.random.default_rng(3)
    wrong, widths, runs, mean = np.zeros(2), [], 50, a / (a + b)
    for _ in range(runs):
        scores = rng.beta(a, b, 200)
        found = bounds.fixed_bounds(scores, np.arange(200), 0.025)
        wrong += (found.lower > mean, found.upper < mean)
        widths.append((found.upper - found.lower) / (2 * 1.96 * scores.std() / np.sqrt(200)))
    assert (wrong / runs).max() <= 0.025 + 3 * np.sqrt(0.025 / runs)
    assert np.median(widths) < 1.6


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
