import numpy as np
import pytest

from rung.verify.stats.select import one_standard_error


def test_the_cheapest_within_the_noise_is_taken():
    rng = np.random.default_rng(0)
    base = (rng.random(200) < 0.8).astype(float)
    same = base.copy()
    same[:2] = 1 - same[:2]
    worse = base.copy()
    worse[:60] = 0.0
    assert one_standard_error([(9.0, base), (3.0, same), (1.0, worse)]) in (0, 1)
    assert one_standard_error([(9.0, base), (1.0, worse)]) == 0
    assert one_standard_error([(9.0, [1.0, 0.0, 1.0, 1.0]), (3.0, [1.0, 1.0, 1.0, 0.0])]) == 1


def test_ties_go_to_the_better_then_to_the_first():
    assert one_standard_error([(1.0, [1.0, 0.0]), (1.0, [1.0, 1.0]), (1.0, [1.0, 1.0])]) == 1


def test_rows_without_a_score_count_against():
    assert one_standard_error([(2.0, [1.0] * 20), (1.0, [None] * 20)]) == 0


def test_input_that_cannot_be_compared():
    for trials in ([], [(1.0, [1.0]), (2.0, [1.0, 0.0])]):
        with pytest.raises(ValueError, match="same rows"):
            one_standard_error(trials)


def test_the_best_of_many_reads_too_high():
    """The winner's curse that the module's docstring quotes: equal trials, truth 70%."""
    rng = np.random.default_rng(1)
    for trials, rows, points in ((18, 1000, 2.6), (20, 50, 12.0)):
        excess = 100 * ((rng.random((400, trials, rows)) < 0.7).mean(axis=2).max(axis=1).mean() - 0.7)
        assert points - 2.0 < excess < points + 0.5
