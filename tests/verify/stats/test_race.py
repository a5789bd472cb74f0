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


def draw(rng, forms, n, cluster=1):
    """Scores of a first form, right on 60%, and of others: (share of rows on which one differs, part of these that it wins)."""
    fresh = np.repeat(rng.random((1 + len(forms), -(-n // cluster))), cluster, axis=1)[:, :n]
    first = (fresh[0] < 0.6).astype(float)
    rows = [first]
    for (differs, wins), chance in zip(forms, fresh[1:], strict=True):
        turned = np.where(first == 0, differs * wins / 0.4, differs * (1 - wins) / 0.6)
        rows.append(np.where(chance < turned, 1 - first, first))
    return [row.tolist() for row in rows], [f"g{row // cluster}" if cluster > 1 else "" for row in range(n)]


def run(scores, costs, groups):
    """The choice of a race, that of a whole search, the share of the answers asked, who left."""
    still, left, asked, before = list(range(len(scores))), set(), 0, 0
    for n in rounds(len(groups)):
        asked, before = asked + len(still) * (n - before), n
        seen = look([entrant(scores[index][:n], costs[index]) for index in still], groups)
        best = still[seen.best]
        left |= {still[place] for place in seen.behind}
        still = [index for place, index in enumerate(still) if place not in seen.behind]
        if seen.decided:
            break
    whole = one_standard_error(list(zip(costs, scores, strict=True)), groups)
    return best, whole, asked / len(scores) / len(groups), left


@pytest.mark.parametrize(
    ("forms", "costs", "cluster", "most"),
    [
        (((0.3, 0.5),), (1.0, 1.0), 1, 0.0),
        (((0.1, 0.5),), (1.0, 2.0), 1, 0.0),
        (((0.3, 0.65),), (1.0, 2.0), 1, 0.35),
        (((0.3, 0.58), (0.3, 0.62)), (1.0, 1.5, 2.0), 1, 0.35),
        (((0.05, 1.0),), (1.0, 2.0), 1, 0.35),
        (((0.3, 0.65),), (1.0, 2.0), 5, 0.35),
    ],
    ids=["equal, one cost", "equal, dearer", "better", "two better", "always better", "in groups"],
)
def test_what_is_forgone_is_below_what_is_stated(forms, costs, cluster, most):
    """True loss against a whole search's choice, in standard errors of a score: HOPE is .25, and .1 for the simulation."""
    rng = np.random.default_rng(3)
    truth = [0.6, *(0.6 + differs * (2 * wins - 1) for differs, wins in forms)]
    error = (0.24 * cluster / 150) ** 0.5
    losses, shares = [], []
    for _ in range(150):
        scores, groups = draw(rng, forms, 150, cluster)
        best, whole, share, _ = run(scores, costs, groups)
        losses.append((truth[whole] - truth[best]) / error)
        shares.append(share)
    assert np.mean(losses) <= most and np.mean(shares) < (0.75 if cluster == 1 else 1.0)


def test_of_two_equal_forms_at_one_cost_none_is_favoured():
    """The null: which one is left is a coin's toss, whoever stands first."""
    rng = np.random.default_rng(4)
    chosen = [run(draw(rng, ((0.3, 0.5),), 120)[0], (1.0, 1.0), alone(120))[0] for _ in range(300)]
    assert 0.4 < np.mean(chosen) < 0.6


def test_a_much_better_one_is_seldom_out():
    rng = np.random.default_rng(5)
    lost = sum(1 in run(draw(rng, ((0.4, 0.9),), 150)[0], (1.0, 3.0), alone(150))[3] for _ in range(200))
    assert lost <= 4


@pytest.mark.parametrize("cost", [1.0, 2.0])
def test_forms_that_answer_alike_do_not_wait_for_the_end(cost):
    scores = draw(np.random.default_rng(6), (), 150)[0][0]
    best, whole, share, _ = run([scores, list(scores)], (1.0, cost), alone(150))
    assert best == whole == 0 and share < 0.5


def test_where_all_are_wrong_the_cheapest_is_left():
    best, _, share, _ = run([[0.0] * 80] * 4, (2.0, 1.0, 1.0, 3.0), alone(80))
    assert best == 1 and share < 0.6


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows_are_no_race(n):
    best, whole, share, left = run(draw(np.random.default_rng(7), ((0.5, 0.5),), n)[0], (1.0, 2.0), alone(n))
    assert best == whole and share == 1.0 and not left


def test_order_of_the_forms_changes_nothing_but_ties():
    rng = np.random.default_rng(8)
    for _ in range(40):
        scores, groups = draw(rng, ((0.3, 0.6), (0.2, 0.4)), 100)
        there, *_ = run(scores, (1.0, 2.0, 3.0), groups)
        back, *_ = run(scores[::-1], (3.0, 2.0, 1.0), groups)
        assert there == 2 - back


def test_partial_credit_that_varies_little_tells_sooner_than_right_and_wrong():
    rng = np.random.default_rng(9)
    low = np.clip(0.5 + 0.02 * rng.standard_normal(150), 0, 1)
    _, _, share, _ = run([low.tolist(), (low + 0.1).tolist()], (1.0, 2.0), alone(150))
    assert share <= 0.2


def test_a_checkpoint_that_is_far_behind_can_stop():
    """As training asks: same cost, two score vectors."""
    best, worse = [1.0, 1.0, 0.0, 1.0] * 10, [1.0, 0.0, 0.0, 0.0] * 10
    assert behind(entrant(worse), entrant(best), alone(200)) and not behind(entrant(best), entrant(worse), alone(200))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.5, 75.0])
def test_what_is_no_score_is_refused(score):
    with pytest.raises(ValueError, match="within 0 and 1"):
        entrant([1.0, score])


def test_nobody_leaves_before_the_first_round_and_who_is_hopeless_leaves_with_it():
    for total in (60, 150, 400):
        first = rounds(total)[0]
        assert first >= 16
        assert look([entrant([0.0] * first), entrant([1.0] * first)], alone(total)).decided
