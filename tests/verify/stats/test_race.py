"""The race: who leaves, when, and how often wrongly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rung.verify.stats.race import Entrant, behind, look, promise, rounds
from rung.verify.stats.select import one_standard_error


def alone(n: int) -> list[str]:
    return [""] * n


def entrant(scores, cost: float = 1.0) -> Entrant:
    return Entrant(cost=cost, scores=tuple(scores))


@pytest.mark.parametrize("total", [0, 1, 15, 16, 17, 60, 150, 200, 4000])
def test_rounds_grow_and_the_last_has_all_rows(total):
    found = rounds(total)
    assert found[-1] == total and list(found) == sorted(set(found))
    assert all(later <= 2 * sooner for sooner, later in itertools.pairwise(found))


def test_one_entrant_is_the_choice_at_once():
    seen = look([entrant([0.0, 1.0])], alone(100))
    assert (seen.best, dict(seen.behind), seen.decided) == (0, {}, True)


def test_what_is_far_behind_leaves_whatever_it_costs():
    good, bad = [1.0] * 16, [0.0] * 16
    for cost in (0.1, 1.0, 10.0):
        seen = look([entrant(bad, cost), entrant(good)], alone(150))
        assert seen.best == 1 and dict(seen.behind) == {0: 1} and seen.decided


def test_a_dearer_one_that_is_level_leaves_before_a_cheaper_one_does():
    rng = np.random.default_rng(0)
    first = (rng.random(80) < 0.6).astype(float)
    other = first.copy()
    other[[1, 5]], other[[3, 9]] = 1 - other[[1, 5]], 1 - other[[3, 9]]
    seen = {}
    for cost in (0.5, 1.0, 2.0):
        mine = entrant(first, cost)
        seen[cost] = promise(mine, entrant(other), alone(150))
    assert seen[0.5] > seen[1.0] > seen[2.0]


def test_with_all_rows_in_it_is_the_rule_itself():
    rng = np.random.default_rng(1)
    for _ in range(200):
        n, forms = int(rng.integers(1, 40)), int(rng.integers(1, 5))
        scores = rng.choice([0.0, 0.5, 1.0], (forms, n)).tolist()
        costs = rng.integers(1, 3, forms).tolist()
        groups = [f"g{row // int(rng.integers(1, 4))}" for row in range(n)] if rng.random() < 0.5 else alone(n)
        seen = look([entrant(row, cost) for row, cost in zip(scores, costs, strict=True)], groups)
        assert seen.decided and seen.best == one_standard_error(list(zip(costs, scores, strict=True)), groups)


def test_few_rows_without_a_difference_do_not_say_that_there_is_none():
    same = entrant([1.0] * 16)
    assert not behind(entrant([1.0] * 16, 2.0), same, alone(150))
    assert not look([same, entrant([1.0] * 16, 2.0)], alone(150)).behind


def test_a_row_without_a_score_counts_against():
    scored, none = [1.0] * 24, [None] * 24
    assert behind(entrant(none), entrant(scored), alone(150))
    wrong = entrant([0.0] * 24)
    assert promise(entrant(none), wrong, alone(150)) == promise(wrong, wrong, alone(150))


def test_one_group_says_nothing_about_the_next():
    won, lost = [1.0] * 16, [0.0] * 16
    assert not behind(entrant(lost), entrant(won), ["one"] * 16 + alone(134))
    assert behind(entrant(lost), entrant(won), alone(150))


def test_input_that_cannot_be_compared():
    for entrants, rows in (([], 4), ([entrant([1.0]), entrant([1.0, 0.0])], 4), ([entrant([1.0, 0.0])], 1)):
        with pytest.raises(ValueError, match="same rows"):
            look(entrants, alone(rows))


def test_no_rows_at_all():
    seen = look([entrant([]), entrant([], 2.0)], [])
    assert seen.decided and seen.best == 0
