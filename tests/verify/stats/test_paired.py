import itertools
import math

import numpy as np
import pytest
from scipy.stats import multinomial
from statsmodels.stats.contingency_tables import mcnemar as reference

from rung.verify.stats.gate import Claim
from rung.verify.stats.paired import compared, difference_bounds, exact_p, look_paired, mcnemar

ALONE = [""] * 2000


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (1, 0), (7, 7), (12, 3), (61, 7), (40, 52)])
def test_exact_mcnemar_agrees_with_statsmodels(won, lost):
    expected = reference([[10, won], [lost, 10]], exact=True).pvalue if won + lost else 1.0
    assert mcnemar(won, lost) == pytest.approx(min(1.0, expected))


@pytest.mark.parametrize("delta", [-0.1, 0.0, 0.1])
@pytest.mark.parametrize("n", [12, 40])
def test_the_unconditional_test_keeps_its_level_exactly(n, delta):
    outcomes = np.array([(w, x) for w, x in itertools.product(range(n + 1), repeat=2) if w + x <= n])
    p_values = np.array([exact_p(int(w), int(x), n, delta) for w, x in outcomes])
    counts = np.column_stack([outcomes, n - outcomes.sum(axis=1)])
    for level in (0.05, 0.00625):
        rejected = counts[p_values <= level]
        for both in np.linspace(0, (1 - abs(delta)) / 2, 23):
            chances = [both + max(delta, 0), both + max(-delta, 0)]
            assert multinomial.pmf(rejected, n, [*chances, 1 - sum(chances)]).sum() <= level * 1.02


def test_difference_bounds_invert_the_test_and_mirror():
    lower, upper = difference_bounds(40, 22, 300, 0.025)
    assert lower < 18 / 300 < upper
    assert exact_p(40, 22, 300, lower) <= 0.025 < exact_p(40, 22, 300, lower + 0.002)
    assert difference_bounds(22, 40, 300, 0.025) == pytest.approx((-upper, -lower))
    se = math.sqrt(62 / 300 - 0.06**2) / math.sqrt(300)
    assert (lower, upper) == pytest.approx((0.06 - 1.96 * se, 0.06 + 1.96 * se), abs=0.01)


def _pairs(rng, n, gain, discordant):
    """Scores of two candidates: a wins (discordant + gain) / 2 of the rows, b (discordant - gain) / 2, and the rest are ties."""
    u = rng.random(n)
    won, lost = u < (discordant + gain) / 2, u > 1 - (discordant - gain) / 2
    return np.where(lost, 0.0, 1.0), np.where(won, 0.0, 1.0)


def _verdict(a, b, groups, delta, alpha, every=50):
    for n in range(every, len(a) + every, every):
        if verdict := look_paired(a[:n], b[:n], Claim(groups=groups, bar=delta, alpha=alpha)):
            return verdict
    raise AssertionError("a verdict is due when all rows are in")


@pytest.mark.parametrize(("gain", "delta"), [(0.0, 0.0), (0.1, 0.1), (-0.05, -0.05)])
def test_false_passes_at_the_margin(gain, delta):
    rng = np.random.default_rng(21)
    verdicts = [_verdict(*_pairs(rng, 200, gain, 0.2), ALONE[:200], delta, 0.1) for _ in range(100)]
    assert sum(verdict.status == "pass" for verdict in verdicts) / 100 <= 0.1
    assert sum(verdict.status == "fail" for verdict in verdicts) / 100 <= 0.1


def test_a_large_gain_stops_early_and_a_middling_one_is_found_at_the_end():
    rng = np.random.default_rng(22)
    large = [_verdict(*_pairs(rng, 400, 0.15, 0.2), ALONE[:400], 0.0, 0.05, 10) for _ in range(30)]
    assert all(verdict.status == "pass" for verdict in large) and np.median([verdict.n for verdict in large]) < 120
    middling = [_verdict(*_pairs(rng, 400, 0.07, 0.16), ALONE[:400], 0.0, 0.05) for _ in range(40)]
    assert sum(verdict.status == "pass" for verdict in middling) / 40 > 0.7


def test_non_inferiority_of_an_equal():
    rng = np.random.default_rng(23)
    verdicts = [_verdict(*_pairs(rng, 1000, 0.0, 0.1), ALONE[:1000], -0.05, 0.05, 100) for _ in range(20)]
    assert sum(verdict.status == "pass" for verdict in verdicts) >= 18
    assert all(verdict.lower >= -0.05 for verdict in verdicts if verdict.status == "pass")


@pytest.mark.parametrize("delta", [0.0, -0.05])
def test_clustered_pairs_stay_valid(delta):
    rng, false, runs = np.random.default_rng(24), 0, 150
    groups = [f"g{g}" for g in np.repeat(np.arange(40), 5)]
    of = np.repeat(np.arange(40), 5)
    for _ in range(runs):
        rates = rng.dirichlet(np.array([0.1 + delta / 2, 0.1 - delta / 2, 0.8]) * 2, 40)[of]
        u = rng.random(200)
        won, lost = u < rates[:, 0], u > 1 - rates[:, 1]
        verdict = _verdict(np.where(lost, 0.0, 1.0), np.where(won, 0.0, 1.0), groups, delta, 0.1)
        false += verdict.status == "pass"
    assert false / runs <= 0.1


def test_missing_scores_count_against_a_pass():
    a, b = [1.0] * 100, [0.0, 1.0, 1.0, 1.0] * 25
    assert look_paired(a, b, Claim(groups=ALONE[:100], bar=0.1, alpha=0.05)).status == "pass"
    holes = look_paired([1.0, 1.0, 1.0, None] * 25, b, Claim(groups=ALONE[:100], bar=0.1, alpha=0.05))
    assert holes.status != "pass" and holes.missing == 25 and "25 rows have no score" in holes.reason
    assert holes.estimate == pytest.approx(25 / 75)


def test_the_reason_counts_wins_and_losses():
    verdict = look_paired([1.0] * 100, [0.0] * 30 + [1.0] * 70, Claim(groups=ALONE[:100], bar=0.1, alpha=0.05, name="quality"))
    assert "30 rows better, 0 worse" in verdict.reason and verdict.bar == 0.1 and verdict.lower >= 0.1
    assert look_paired([], [], Claim(groups=ALONE[:10], bar=0.0, alpha=0.05)) is None
    with pytest.raises(ValueError, match="against"):
        look_paired([1.0], [], Claim(groups=ALONE[:10], bar=0.0, alpha=0.05))


def test_graded_scores_are_bet_on():
    rng = np.random.default_rng(25)
    b = rng.random(200) * 0.5
    verdict = look_paired(b + 0.3, b, Claim(groups=ALONE[:200], bar=0.1, alpha=0.05))
    assert verdict.status == "pass" and verdict.estimate == pytest.approx(0.3)


def test_two_on_the_same_rows_are_compared_by_the_bounds_and_the_test_that_there_are():
    before, after = [0.0] * 12 + [1.0] * 28, [1.0] * 10 + [0.0] * 5 + [1.0] * 25
    found = compared(before, after, ALONE[:40], 0.025)
    assert (found.better, found.worse, found.n, found.missing) == (10, 3, 40, 0)
    assert (found.before, found.after, found.estimate) == pytest.approx((0.7, 0.875, 0.175))
    assert (found.lower, found.upper) == pytest.approx(difference_bounds(10, 3, 40, 0.025))
    assert found.p == mcnemar(10, 3)
    back = compared(after, before, ALONE[:40], 0.025)
    assert (back.estimate, back.lower, back.upper) == pytest.approx((-0.175, -found.upper, -found.lower))


def test_a_score_that_is_missing_widens_the_bounds_and_rows_of_one_group_are_one_draw():
    before, after = [0.0] * 12 + [1.0] * 28, [1.0] * 10 + [0.0] * 5 + [1.0] * 25
    whole = compared(before, after, ALONE[:40], 0.025)
    holed = compared(before, [None, *after[1:]], ALONE[:40], 0.025)
    assert (holed.n, holed.missing, holed.better) == (40, 1, 9)
    assert holed.lower < whole.lower
    assert holed.upper >= whole.upper
    nothing = compared([None] * 3, [1.0] * 3, ALONE[:3], 0.025)
    assert (nothing.before, nothing.after, nothing.estimate, nothing.missing) == (None, None, None, 3)
    assert nothing.lower < 0 < nothing.upper
    grouped = compared(before, after, [str(row // 4) for row in range(40)], 0.025)
    assert grouped.p is None
    assert grouped.upper - grouped.lower > whole.upper - whole.lower
