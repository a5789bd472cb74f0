"""pass@k against its definition, the ceiling against planted noise."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from rung.verify.stats.ceiling import best_share, ceiling, noise_share
from rung.verify.stats.samples import choice_pass_at_k, pass_at_k


@pytest.mark.parametrize(("n", "right", "k"), [(8, 0, 8), (8, 1, 1), (8, 3, 4), (8, 8, 1), (6, 2, 5)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n, right, k):
    subsets = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_is_unbiased_for_its_closed_form():
    draw, p, k = random.Random(0), 0.15, 4
    found = [pass_at_k(8, sum(draw.random() < p for _ in range(8)), k) for _ in range(20_000)]
    assert sum(found) / len(found) == pytest.approx(1 - (1 - p) ** k, abs=0.01)
    assert choice_pass_at_k({"a": math.log(p), "b": math.log(1 - p)}, {"a": True, "b": False}, k) == pytest.approx(1 - (1 - p) ** k)
    with pytest.raises(ValueError, match="among 4"):
        pass_at_k(4, 5, 1)


@pytest.mark.parametrize("labels", [2, 3, 7, None])
def test_no_distribution_of_labels_has_a_likelier_one_than_its_agreement_allows(labels):
    draw = np.random.default_rng(0)
    for _ in range(2000):
        p = draw.dirichlet(np.full(labels or 20, draw.uniform(0.05, 3)))
        assert p.max() <= best_share(float((p**2).sum()), labels) + 1e-9
    assert best_share(0.7**2 + 0.3**2, 2) == pytest.approx(0.7)
    assert best_share(1.0, labels) == pytest.approx(1.0)


def test_the_ceiling_holds_for_questions_of_unequal_noise():
    draw, wrong, looks = random.Random(3), 0, 1000
    for _ in range(looks):
        shares = [draw.choice((0.55, 0.7, 0.95)) for _ in range(80)]
        agreeing = [(draw.random() < p) == (draw.random() < p) for p in shares]
        wrong += ceiling(agreeing, [1] * 80, 2, 1.0, 0.05)[1] < sum(shares) / 80
    assert wrong / looks <= 0.05


@pytest.mark.parametrize("often", [1, 161])
def test_the_ceiling_holds_where_one_question_is_asked_often(often):
    """One noisy question asked `often`, and 40 clean ones: what can be right is bounded from above."""
    draw, wrong, looks = random.Random(4), 0, 100
    rows = [often] + [1] * 40
    reachable = (0.6 * often + 40) / sum(rows)
    for _ in range(looks):
        same = sum((draw.random() < 0.6) == (draw.random() < 0.6) for _ in range(max(1, often // 2)))
        agreeing = [same / max(1, often // 2)] + [1.0] * 40
        wrong += ceiling(agreeing, rows, 2, 1.0, 0.05)[1] < reachable
    assert wrong == 0


def test_rows_without_a_twin_may_all_be_right():
    assert ceiling([], [], 2, 0.0, 0.05) == (1.0, 1.0)
    agreeing = [True, False] * 50
    whole, half = ceiling(agreeing, [1] * 100, 2, 1.0, 0.05), ceiling(agreeing, [1] * 100, 2, 0.5, 0.05)
    assert half[0] == pytest.approx(0.5 * whole[0] + 0.5) and half[1] == pytest.approx(0.5 * whole[1] + 0.5)


def test_confident_learning_finds_the_share_of_turned_labels():
    draw = np.random.default_rng(5)
    true = draw.integers(0, 3, 3000)
    turned = draw.random(3000) < 0.2
    given = np.where(turned, (true + draw.integers(1, 3, 3000)) % 3, true)
    probabilities = np.full((3000, 3), 0.1)
    probabilities[np.arange(3000), true] = 0.8
    assert noise_share(probabilities, given) == pytest.approx(0.2, abs=0.02)
    assert noise_share(probabilities, true) == 0.0
