import pytest

from rung.verify.stats import card
from rung.verify.stats.bounds import clopper_pearson


@pytest.mark.parametrize(("bar", "rows"), [(0.80, (2420, 1060, 365)), (0.90, (1290, 550, 180)), (0.95, (625, 235, None))])
def test_rows_to_pass_are_those_of_the_reference_table(bar, rows):
    for gap, expected in zip((0.02, 0.03, 0.05), rows, strict=True):
        if expected:
            assert card.rows_to_pass(bar, bar + gap, 0.05) == pytest.approx(expected, rel=0.02)


def test_smallest_gains_are_those_of_the_reference_table():
    gains = {50: 0.177, 100: 0.125, 200: 0.089, 400: 0.063, 800: 0.044}
    assert {n: round(card.smallest_gain(n, 0.05), 3) for n in gains} == gains


def test_zero_failures():
    assert [card.smallest_gate(1 - rate, 0.05) for rate in (0.10, 0.05, 0.02, 0.01)] == [29, 59, 149, 299]


def test_fewest_right_is_where_the_lower_bound_reaches_the_bar():
    for rows, bar, level in ((300, 0.8, 0.05), (1200, 0.8, 0.005), (59, 0.95, 0.05)):
        right = card.fewest_right(rows, bar, level)
        assert clopper_pearson(right, rows, level)[0] >= bar > clopper_pearson(right - 1, rows, level)[0]


def test_least_truth_has_its_power():
    truth = card.least_truth(1200, 0.8, 0.005)
    assert card.power_to_pass(1200, 0.8, truth, 0.005) == pytest.approx(0.8, abs=1e-6)


def test_lines_of_a_card():
    lines = card.sample_size_card(n_test=1200, clusters=1200, bar=0.8, alpha=0.05, rungs=5)
    numbers = {key: value for line in lines for key, value in line.items() if key != "text"}
    assert all(line["text"] for line in lines)
    assert numbers["truth"] == pytest.approx(0.838, abs=0.002)
    assert numbers["power"]["0.05"] > 0.95 > numbers["power"]["0.02"]
    assert list(numbers["rows_needed"]) == ["0.02", "0.03", "0.05"]


def test_a_gate_too_small_says_what_would_do():
    text = " ".join(line["text"] for line in card.sample_size_card(n_test=20, clusters=20, bar=0.9, alpha=0.05, rungs=4))
    assert "too small for its bar: even a perfect candidate needs 49 test rows" in text
    assert card.smallest_gate(0.9, 0.05 / 8) == 49
    assert clopper_pearson(49, 49, 0.05 / 8)[0] >= 0.9 > clopper_pearson(48, 48, 0.05 / 8)[0]
    for bar in (0.0, 1.0):
        with pytest.raises(ValueError):
            card.smallest_gate(bar, 0.05)


def test_groups_by_a_measured_design_effect():
    line = card.measured_line(300, 2.5, "r1_prompt")
    assert line["rows"] == 120 and "r1_prompt" in line["text"] and "2.5 times as large" in line["text"]
    assert card.measured_line(300, 0.4, "r1_prompt")["rows"] == 300


def test_clusters_and_relative_bars():
    lines = card.sample_size_card(n_test=300, clusters=60, bar=None, alpha=0.05, rungs=3)
    assert lines[0]["rows"] == 167 and "60 groups" in lines[0]["text"]
    assert any("smallest_gain" in line for line in lines) and not any("truth" in line for line in lines)
