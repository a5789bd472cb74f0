import numpy as np
import pytest
from scipy.special import ndtri

from rung.verify.stats.curve import FARTHEST, describe, fit_curve

SIZES = (100, 200, 400, 800)


class World:
    """A true curve of the law's own family, and scores of items that are hard or easy whatever the subset."""

    def __init__(self, rng, first=SIZES[0]):
        self.top, self.power, self.start = rng.uniform(0.75, 1.0), rng.uniform(0.25, 1.0), rng.uniform(0, first)
        self.drop = (self.top - rng.uniform(0.4, self.top - 0.05)) * (first + self.start) ** self.power

    def __call__(self, rows):
        return self.top - self.drop * (rows + self.start) ** -self.power

    def scores(self, rng, items, sizes=SIZES, per_group=1):
        hard = rng.normal(size=items)
        shared = np.repeat(rng.normal(size=-(-items // per_group)), per_group)[:items] if per_group > 1 else 0.0
        share = 0.3 if per_group > 1 else 0.0
        table = []
        for size in sizes:
            rate = np.clip(self(size) + 0.005 * np.sqrt(sizes[-1] / size) * rng.normal(), 0.001, 0.999)
            own = np.sqrt(0.6) * hard + np.sqrt(0.4) * rng.normal(size=items)
            table.append((np.sqrt(share) * shared + np.sqrt(1 - share) * own < ndtri(rate)).astype(float))
        return table, [f"g{item // per_group}" for item in range(items)]


@pytest.mark.parametrize(
    ("items", "sizes", "per_group"), [(200, SIZES, 1), (800, SIZES, 1), (500, SIZES, 5), (300, (200, 400, 800), 1)]
)
def test_coverage_and_futility(items, sizes, per_group):
    rng = np.random.default_rng(items)
    runs, held, futile = 150, {2: 0, 4: 0}, 0
    for seed in range(runs):
        world = World(rng)
        curve = fit_curve(sizes, *world.scores(rng, items, sizes, per_group), seed=seed)
        for times in held:
            said = curve.at(times * sizes[-1])
            held[times] += said.lower <= world(times * sizes[-1]) <= said.upper
        # The hardest case for futility: a bar that is reached at the very end of what is looked at.
        futile += curve.labels_for(world(FARTHEST * sizes[-1])).futile
    # Two standard errors around .75 to .95: a curve beyond its data is no exact science, and the interval says 80%.
    assert all(0.75 - 0.07 <= count / runs <= 0.95 + 0.035 for count in held.values()), held
    assert futile / runs <= 0.10 + 2 * np.sqrt(0.10 * 0.90 / runs)


def test_groups_widen_the_interval():
    table = np.repeat(
        (np.random.default_rng(0).random((4, 50)) < np.array([[0.5], [0.6], [0.7], [0.75]])).astype(float), 10, axis=1
    )
    alone = fit_curve(SIZES, table, [""] * 500).at(1600)
    together = fit_curve(SIZES, table, [f"g{item // 10}" for item in range(500)])
    assert together.clusters == 50 and together.items == 500
    grouped = together.at(1600)
    assert grouped.upper - grouped.lower > 1.5 * (alone.upper - alone.lower)


def test_the_interval_rises_with_the_rows_and_stays_within_0_and_1():
    rng = np.random.default_rng(3)
    curve = fit_curve(SIZES, *World(rng).scores(rng, 300))
    said = [curve.at(rows) for rows in (1, 50, 100, 800, 1600, 51200)]
    for end in ("lower", "estimate", "upper"):
        values = [getattr(one, end) for one in said]
        assert values == sorted(values) and values[0] >= 0 and values[-1] <= 1
    assert all(one.lower <= one.estimate <= one.upper for one in said)


def test_the_same_seed_gives_the_same_curve():
    rng = np.random.default_rng(4)
    scores, groups = World(rng).scores(rng, 100)
    assert fit_curve(SIZES, scores, groups, seed=1).at(1600) == fit_curve(SIZES, scores, groups, seed=1).at(1600)


def _constant(*means, items=400):
    """Items of which exactly these shares are right, the right ones nested."""
    return [[float(item < round(mean * items)) for item in range(items)] for mean in means], [""] * items


def test_a_rising_curve_names_a_range_of_labels():
    curve = fit_curve(SIZES, *_constant(0.60, 0.70, 0.775, 0.83))
    assert curve.doubt == ""
    labels = curve.labels_for(0.86)
    assert 800 < labels.fewest < labels.likely and not labels.futile
    assert labels.most is None or labels.most > labels.likely
    assert "more train rows (80% interval)" in describe(curve, labels)
    reached = curve.labels_for(0.70)
    assert reached.likely < 800 and "stands at the bar of 70.0% already" in describe(curve, reached)


def test_a_flat_curve_cannot_tell_and_a_far_bar_is_futile():
    curve = fit_curve(SIZES, *_constant(0.70, 0.70, 0.70, 0.70, items=4000))
    assert "cannot tell whether more would help" in curve.doubt
    labels = curve.labels_for(0.95)
    assert labels.futile and labels.likely is None and labels.most is None
    assert "not forecast to help" in describe(curve, labels)


def test_a_falling_curve_is_not_believed():
    curve = fit_curve(SIZES, *_constant(0.90, 0.80, 0.70, 0.60, items=2000))
    assert "falls with more rows" in curve.doubt
    assert curve.at(3200).estimate <= 0.91


def test_a_perfect_curve_is_no_certainty():
    curve = fit_curve(SIZES, *_constant(1.0, 1.0, 1.0, 1.0, items=50))
    assert curve.at(1600).lower < 1 and curve.at(1600).upper == 1


def test_two_points_say_that_the_law_alone_speaks():
    four = fit_curve(SIZES, *_constant(0.60, 0.70, 0.775, 0.83))
    two = fit_curve(SIZES[2:], *_constant(0.775, 0.83))
    assert "two points fix no shape" in two.doubt
    assert two.at(3200).upper - two.at(3200).lower > four.at(3200).upper - four.at(3200).lower


@pytest.mark.parametrize(
    ("sizes", "scores", "groups"),
    [
        ((100,), [[1.0]], [""]),
        ((100, 100), [[1.0], [1.0]], [""]),
        ((0, 100), [[1.0], [1.0]], [""]),
        ((100, 200), [[1.0], [1.0]], ["", ""]),
        ((100, 200), [[], []], []),
        ((100, 200), [[1.0], [1.5]], [""]),
        ((100, 200), [[1.0], [float("nan")]], [""]),
    ],
)
def test_what_is_no_curve(sizes, scores, groups):
    with pytest.raises(ValueError):
        fit_curve(sizes, scores, groups)
