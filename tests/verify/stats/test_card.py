import numpy as np
import pytest

from rung.verify.stats import boundaries, bounds, card, power, sequential
from rung.verify.stats.gate import Claim, judge, look


@pytest.mark.parametrize(("bar", "rows"), [(0.80, (2420, 1060, 365)), (0.90, (1290, 550, 180)), (0.95, (625, 235, None))])
def test_rows_to_pass_are_a_tenth_more_than_without_looks(bar, rows):
    """The reference table is of a test that is made once; looks cost some rows at the full number, and save more of them before."""
    for gap, expected in zip((0.02, 0.03, 0.05), rows, strict=True):
        if expected:
            needed = power.rows_to_pass(0.05, bar, bar + gap)
            assert expected <= needed <= 1.2 * expected
            assert power.operating(needed, 0.05, bar, bar + gap).rows < 0.85 * expected


def test_smallest_gains_are_those_of_the_reference_table():
    gains = {50: 0.177, 100: 0.125, 200: 0.089, 400: 0.063, 800: 0.044}
    assert {n: round(card.smallest_gain(n, 0.05), 3) for n in gains} == gains


def test_zero_failures():
    assert [power.smallest_gate(1 - rate, 0.05) for rate in (0.10, 0.05, 0.02, 0.01)] == [29, 59, 149, 299]


def test_least_truth_has_its_power():
    truth = power.least_truth((1,) * 1200, 0.0125, 0.8)
    assert power.operating(1200, 0.0125, 0.8, truth).passes == pytest.approx(0.8, abs=0.02)
    assert truth == pytest.approx(power.least_truth_at_once(1200, 0.0125, 0.8), abs=0.003)


SHAPES = {
    "equal": (5,) * 60,
    "few large": (40,) * 10 + (1,) * 100,
    "1 to 50": tuple(np.resize(np.arange(1, 51), 60)),
    "heavy tails": tuple(np.minimum(1 + np.random.default_rng(3).pareto(1.3, 200), 60).astype(int)),
    "singletons mixed": (1,) * 200 + (6,) * 40,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("truth", [0.85, 0.92])
def test_the_cards_power_is_that_of_the_gate(shape, truth):
    """The card's chance, from approximate p-values, against whole verdicts of the gate on other samples."""
    rng, sizes, bar, alpha, runs = np.random.default_rng(4), np.array(SHAPES[shape]), 0.75, 0.05, 60
    passed = 0
    for _ in range(runs):
        order = rng.permutation(sizes)
        right = power.drawn(rng, order[None], truth, power.CLUSTER_CORRELATION)[0]
        scores = [float(row < count) for count, size in zip(right, order, strict=True) for row in range(size)]
        groups = [f"g{group}" for group, size in enumerate(order) for _ in range(size)]
        passed += judge(scores, Claim(groups=groups, bar=bar, alpha=alpha)).status == "pass"
    expected = power.power(tuple(int(size) for size in sizes), alpha, bar, truth)
    assert abs(passed / runs - expected) < 0.05 + 2.5 * np.sqrt(max(expected * (1 - expected), 0.01) / runs)


def test_the_cards_power_is_exact_where_rows_stand_alone():
    rng, n, runs = np.random.default_rng(5), 200, 300
    for truth in (0.85, 0.9):
        passed = rows = 0
        for _ in range(runs):
            scores = (rng.random(n) < truth).astype(float)
            verdict = next(
                v for end in boundaries.looks(n) if (v := look(scores[:end], Claim(groups=[""] * n, bar=0.8, alpha=0.05)))
            )
            passed, rows = passed + (verdict.status == "pass"), rows + verdict.n
        exact = power.operating(n, 0.05, 0.8, truth)
        assert passed / runs == pytest.approx(exact.passes, abs=3 * np.sqrt(0.25 / runs))
        assert rows / runs == pytest.approx(exact.rows, rel=0.1)


def test_lines_of_a_card():
    lines = card.sample_size_card(sizes=(1,) * 1200, bar=0.8, alpha=0.05, rungs=5)
    numbers = {key: value for line in lines for key, value in line.items() if key != "text"}
    assert all(line["text"] for line in lines)
    assert numbers["truth"] == pytest.approx(0.838, abs=0.002)
    assert numbers["power"]["0.05"] > 0.95 > numbers["power"]["0.02"]
    assert list(numbers["rows_needed"]) == ["0.02", "0.03", "0.05"]


def test_a_gate_too_small_says_what_would_do():
    text = " ".join(line["text"] for line in card.sample_size_card(sizes=(1,) * 20, bar=0.9, alpha=0.05, rungs=4))
    assert "too small for its bar: even a perfect candidate needs 42 test rows" in text
    assert judge([1.0] * 42, Claim(groups=[""] * 42, bar=0.9, alpha=0.0125)).status == "pass"
    assert judge([1.0] * 41, Claim(groups=[""] * 41, bar=0.9, alpha=0.0125)).status == "undecided"
    for bar in (0.0, 1.0):
        with pytest.raises(ValueError):
            power.smallest_gate(bar, 0.05)
    grouped = card.sample_size_card(sizes=(30,) * 10, bar=0.9, alpha=0.05, rungs=4)
    assert any("cannot prove 90.0% on groups of these sizes" in line["text"] for line in grouped)


def test_what_is_proven_by_nothing_but_right_answers():
    assert power.best_proven((1,) * 300, 0.05) == judge([1.0] * 300, Claim(groups=[""] * 300, bar=0.5, alpha=0.05)).lower
    groups = [f"g{row // 5}" for row in range(300)]
    assert power.best_proven((5,) * 60, 0.05) == pytest.approx(bounds.clopper_pearson(60, 60, 0.05 * sequential.AT_END)[0])
    assert judge([1.0] * 300, Claim(groups=groups, bar=0.93, alpha=0.05)).lower == pytest.approx(power.best_proven((5,) * 60, 0.05))


def test_groups_by_a_measured_design_effect():
    line = card.measured_line(300, 2.5, "r1_prompt")
    assert line["rows"] == 120 and "r1_prompt" in line["text"] and "2.5 times as large" in line["text"]
    assert card.measured_line(300, 0.4, "r1_prompt")["rows"] == 300


def test_clusters_and_relative_bars():
    lines = card.sample_size_card(sizes=(5,) * 60, bar=None, alpha=0.05, rungs=3)
    assert lines[0]["rows"] == 167 and "60 groups" in lines[0]["text"]
    assert any("smallest_gain" in line for line in lines) and not any("truth" in line for line in lines)
