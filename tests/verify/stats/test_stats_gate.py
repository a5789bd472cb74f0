import itertools
import math

import numpy as np
import pytest

from rung.verify.stats import sequential
from rung.verify.stats.boundaries import fewest_right, looks, tick_above
from rung.verify.stats.clusters import look_order
from rung.verify.stats.gate import Claim, judge, look, split_alpha

ALONE = [""] * 2000


def test_split_alpha_never_spends_more_than_alpha():
    for alpha in (0.05, 0.1, 0.01, 0.0123456789):
        for rungs in range(1, 40):
            shares = split_alpha(alpha, rungs)
            assert len(shares) == rungs and math.fsum(shares) <= alpha and sum(shares) == pytest.approx(alpha)
    with pytest.raises(ValueError, match="cannot split"):
        split_alpha(0.05, 0)


def _climbs(rng, climbs, rungs, n, bar, shared):
    """Right answers (climbs, rungs, n): every rung right with probability `bar`; items are easy or hard for all rungs alike."""
    difficulty = rng.random((climbs, 1, n)) < shared
    together = rng.random((climbs, 1, n)) < bar
    alone = rng.random((climbs, rungs, n)) < bar
    return np.where(difficulty, together, alone)


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_family_wise_false_passes_of_null_climbs(shared):
    """2,400 climbs of six rungs, each exactly at the bar, on the same 300 test rows, looked at after every 24 and at the end."""
    rng, alpha, rungs, n, bar = np.random.default_rng(11), 0.05, 6, 300, 0.8
    share, false, climbs = split_alpha(alpha, rungs)[0], 0, 2400
    fewest = fewest_right(n, share, tick_above(bar, n))
    for _ in range(climbs // 200):
        right = _climbs(rng, 200, rungs, n, bar, shared)
        passed = (right.cumsum(axis=2)[..., np.array(looks(n)) - 1] >= fewest).any(axis=2)
        false += int(passed.any(axis=1).sum())
        for climb in range(2):
            for rung in range(rungs):
                verdict = look(right[climb, rung].astype(float), Claim(groups=ALONE[:n], bar=bar, alpha=share))
                assert (verdict.status == "pass") == bool(passed[climb, rung])
    print(f"\nfamily-wise false passes in {climbs} null climbs of {rungs} rungs (items shared: {shared:.0%}): {false / climbs:.2%}")
    assert false / climbs <= alpha


def test_whole_clustered_climbs_through_look():
    """Null climbs of six rungs, clusters of 1 to 5 rows, every look as the climb makes it (futility included)."""
    rng, bar, n_groups, climbs = np.random.default_rng(12), 0.8, 60, 60
    sizes = 1 + np.arange(n_groups) % 5
    groups = [f"g{g}" for g in np.repeat(np.arange(n_groups), sizes)]
    order = look_order(groups, 0)
    groups = [groups[row] for row in order]
    share, false = split_alpha(0.05, 6)[0], 0
    of = np.array([int(group[1:]) for group in groups])
    for _ in range(climbs):
        passed = False
        for _ in range(6):
            right = (rng.random(len(of)) < rng.beta(1.6, 0.4, n_groups)[of]).astype(float)
            passed |= _first_verdict(right, groups, bar, share, 60)[0].status == "pass"
        false += passed
    print(f"\nfamily-wise false passes, {climbs} clustered climbs: {false / climbs:.1%}")
    assert false / climbs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / climbs)


def _first_verdict(scores, groups, bar, alpha, every):
    for n in range(every, len(scores) + every, every):
        seen = scores[:n]
        if verdict := look(seen, Claim(groups=groups, bar=bar, alpha=alpha)):
            return verdict, len(seen)
    raise AssertionError("a verdict is due when all rows are in")


@pytest.mark.parametrize(("truth", "status"), [(0.95, "pass"), (0.55, "fail")])
def test_clear_cases_stop_within_a_tenth_of_the_gate(truth, status):
    rng, n, alpha = np.random.default_rng(13), 1200, split_alpha(0.05, 4)[0]
    rows, statuses = [], []
    for _ in range(60):
        verdict, seen = _first_verdict((rng.random(n) < truth).astype(float), ALONE[:n], 0.8, alpha, 8)
        rows.append(seen)
        statuses.append(verdict.status)
        assert verdict.stopped_by == "exact group-sequential test"
    print(f"\ntruth {truth:.0%} against a bar of 80%: median stop after {np.median(rows):.0f} of {n} rows")
    assert np.median(rows) <= n / 10 and statuses.count(status) >= 59


def test_the_whole_gate_is_used_where_it_is_close_and_power_is_kept():
    rng, n, alpha = np.random.default_rng(14), 1200, split_alpha(0.05, 4)[0]
    verdicts = [_first_verdict((rng.random(n) < 0.85).astype(float), ALONE[:n], 0.8, alpha, 200)[0] for _ in range(40)]
    assert sum(verdict.status == "pass" for verdict in verdicts) / 40 > 0.9
    assert min(verdict.n for verdict in verdicts) < 1200


def test_the_bounds_shown_are_those_that_decided():
    rng = np.random.default_rng(15)
    for truth in (0.6, 0.78, 0.82, 0.9):
        for _ in range(8):
            verdict, _ = _first_verdict((rng.random(400) < truth).astype(float), ALONE[:400], 0.8, 0.0125, 40)
            assert (verdict.status == "pass") == (verdict.lower >= 0.8)
            assert (verdict.status == "fail") == (verdict.upper < 0.8)
            assert 0 <= verdict.lower <= verdict.upper <= 1


def test_the_verdict_does_not_depend_on_when_one_looked():
    rng = np.random.default_rng(16)
    for truth in (0.7, 0.9):
        scores = (rng.random(600) < truth).astype(float)
        often, _ = _first_verdict(scores, ALONE[:600], 0.8, 0.0125, 5)
        rarely, _ = _first_verdict(scores, ALONE[:600], 0.8, 0.0125, 50)
        assert often.status == rarely.status


def test_missing_scores_are_counted_and_taken_at_their_worst():
    scores = ([1.0] * 14 + [None]) * 20
    verdict = look(scores, Claim(groups=ALONE[:300], bar=0.93, alpha=0.05))
    assert verdict.status == "undecided" and verdict.missing == 20 and verdict.estimate == 1.0
    assert "20 rows have no score" in verdict.reason
    assert look([1.0] * 300, Claim(groups=ALONE[:300], bar=0.93, alpha=0.05)).status == "pass"
    poor = look([0.0] * 20 + [None] * 280, Claim(groups=ALONE[:300], bar=0.8, alpha=0.05))
    assert poor.status == "fail" or poor.upper == 1.0
    nothing = look([None] * 100, Claim(groups=ALONE[:100], bar=0.5, alpha=0.05))
    assert nothing.status == "undecided" and nothing.estimate is None and nothing.missing == 100


def _mixed(right, rows):
    """`right` ones among zeros, spread evenly."""
    return [float((row + 1) * right // rows > row * right // rows) for row in range(rows)]


def test_rows_that_contradict_each_other_decide_nothing():
    verdict = look([1.0] * 150 + [0.0] * 150, Claim(groups=ALONE[:300], bar=0.5, alpha=0.05))
    assert verdict.status == "undecided" and "random order" in verdict.reason


def test_undecided_says_how_many_more_labels():
    scores = _mixed(249, 300)
    verdict = look(scores, Claim(groups=ALONE[:300], bar=0.8, alpha=0.05))
    assert verdict.status == "undecided" and 700 < verdict.needed < 2500
    assert f"{verdict.needed:,} more labels" in verdict.reason
    below = look(_mixed(237, 300), Claim(groups=ALONE[:300], bar=0.8, alpha=0.05))
    assert below.status == "undecided" and below.needed is None


def test_a_hopeless_candidate_stops_early_without_being_called_a_failure():
    rng = np.random.default_rng(17)
    verdicts = [_first_verdict((rng.random(1200) < 0.78).astype(float), ALONE[:1200], 0.8, 0.0125, 40) for _ in range(20)]
    futile = [verdict for verdict, seen in verdicts if verdict.stopped_by == "futility" and seen < 1200]
    assert len(futile) > 10 and all(verdict.status == "undecided" for verdict in futile)


def test_judge_says_undecided_while_rows_remain():
    assert look([1.0, 0.0], Claim(groups=ALONE[:300], bar=0.5, alpha=0.05, name="tone")) is None
    verdict = judge([1.0, 0.0], Claim(groups=ALONE[:300], bar=0.5, alpha=0.05, name="tone"))
    assert (verdict.status, verdict.n, verdict.n_total, verdict.name) == ("undecided", 2, 300, "tone")
    assert "more rows remain" in verdict.reason
    assert judge([], Claim(groups=ALONE[:3], bar=0.5, alpha=0.05)).reason == "no row was looked at"


@pytest.mark.parametrize(("values", "groups"), [([2.0], [""]), ([1.0, 1.0], [""]), ([float("nan")], [""])])
def test_impossible_input_is_refused(values, groups):
    with pytest.raises(ValueError):
        look(values, Claim(groups=groups, bar=0.5, alpha=0.05))


def test_bars_at_the_ends():
    assert look([0.0] * 50, Claim(groups=ALONE[:50], bar=0.0, alpha=0.05)).status == "pass"
    assert look([1.0] * 50, Claim(groups=ALONE[:50], bar=1.0, alpha=0.05)).status == "undecided"


def test_a_cluster_is_bet_on_only_when_it_is_complete():
    groups = ["a"] * 30 + ["b"] * 30
    assert judge([1.0] * 29, Claim(groups=groups, bar=0.5, alpha=0.5)).lower == 0.0
    assert judge([1.0] * 30, Claim(groups=groups, bar=0.5, alpha=0.5)).lower > 0.0


def test_a_look_finds_the_gate_open_exactly_where_the_bounds_leave_it_open() -> None:
    """The short way to "not yet" against the bounds themselves, over truths, bars and clusters."""
    random = np.random.default_rng(5)
    ended = 0
    for truth, bar in itertools.product((0.3, 0.6, 0.8, 0.97), (0.25, 0.6, 0.9)):
        scores = (random.random(400) < truth).astype(float).tolist()
        groups = [f"g{place // 3}" if place % 2 else "" for place in range(400)]
        for n in range(20, 400, 40):
            sample = sequential.sample_of(scores[:n], scores[:n], groups)
            assert sequential.open_still(sample, bar, 0.05) == (sequential.decide(sample, bar, 0.05).status is None)
            ended += not sequential.open_still(sample, bar, 0.05)
    assert 40 < ended < 110


@pytest.mark.parametrize(
    ("scores", "groups"),
    [
        ([1.0], [""]),
        ([0.0], [""]),
        ([1.0] * 30, [""] * 30),
        ([0.0] * 30, [""] * 30),
        ([None] * 30, [""] * 30),
        ([1.0] * 30, ["all of them"] * 30),
        ([0.0] * 30, ["all of them"] * 30),
        ([1.0] * 29 + [0.0], ["big"] * 29 + [""]),
        ([0.5] * 60, [""] * 60),
        ([0.999999] * 60, [""] * 60),
        ([1.0, 0.0] * 40, [f"question {row // 2}" for row in range(80)]),
        ([None, 1.0] * 40, [f"question {row // 2}" for row in range(80)]),
    ],
    ids=str,
)
@pytest.mark.parametrize(("bar", "alpha"), [(0.5, 0.05), (0.9999, 0.0001), (0.0001, 0.2)])
def test_few_uniform_or_missing_scores_are_never_certainty(scores, groups, bar, alpha):
    """What reads "100% +- 0" elsewhere: one row, all right, all wrong, one group, the same question asked again, nothing scored."""
    verdict = judge(scores, Claim(groups=groups, bar=bar, alpha=alpha))
    assert 0 <= verdict.lower <= verdict.upper <= 1
    assert verdict.upper - verdict.lower > 0.01
    if None in scores or (len(set(groups)) == 1 != len(groups) and groups[0]):
        assert verdict.status != "pass" or bar < 0.4
