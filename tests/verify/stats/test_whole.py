"""Metrics of all rows at once: equal to the field's, each row's influence is what it does, and the bounds hold in simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from rung.verify.stats import whole
from rung.verify.stats.whole import of_chances, of_classes, of_numbers

RNG = np.random.default_rng(5)
TRUTH = np.concatenate([np.arange(4), RNG.integers(0, 4, 196)])
ANSWER = np.where(RNG.random(200) < 0.7, TRUTH, RNG.integers(0, 5, 200))
X = RNG.integers(1, 6, 200).astype(float)
Y = X + RNG.integers(0, 4, 200)
SURE = RNG.random(200)
RIGHT = (RNG.random(200) < SURE * 0.8).astype(float)


def macro_f1(truth: Any, answer: Any) -> float:
    return float(f1_score(truth, answer, average="macro", labels=range(4)))


def balanced(truth: Any, answer: Any) -> float:
    kept = np.isin(truth, range(4))
    return float(np.mean([np.mean(answer[kept & (truth == k)] == k) for k in range(4)]))


@pytest.mark.parametrize(
    ("name", "theirs"), [("macro_f1", macro_f1), ("balanced_accuracy", balanced), ("matthews", matthews_corrcoef)]
)
def test_of_classes_as_scikit_learn_has_it(name: str, theirs: Callable[[Any, Any], float]) -> None:
    """Some answers were read as no class."""
    assert of_classes(name, 4).value(TRUTH, ANSWER) == pytest.approx(theirs(TRUTH, ANSWER))
    known = ANSWER < 4
    assert of_classes(name, 4).value(TRUTH[known], ANSWER[known]) == pytest.approx(theirs(TRUTH[known], ANSWER[known]))


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_balanced_accuracy_as_scikit_learn_has_it() -> None:
    assert of_classes("balanced_accuracy", 4).value(TRUTH, ANSWER) == pytest.approx(balanced_accuracy_score(TRUTH, ANSWER))


def test_spearman_with_ties_as_scipy_has_it() -> None:
    assert of_numbers(X, Y).value(X, Y) == pytest.approx(spearmanr(X, Y).statistic)
    assert of_numbers(X, Y).value(X, np.ones(200)) == 0.0


def test_ece_by_hand() -> None:
    """Ten bins: |mean(right) - mean(sure)| of each, weighted by its rows (Guo et al., 2017)."""
    bins = np.minimum((SURE * 10).astype(int), 9)
    by_hand = sum(
        (bins == b).mean() * abs(RIGHT[bins == b].mean() - SURE[bins == b].mean()) for b in range(10) if (bins == b).any()
    )
    assert of_chances().value(SURE, RIGHT) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("metric", "columns"),
    [
        (of_classes("macro_f1", 4), (TRUTH, ANSWER)),
        (of_classes("balanced_accuracy", 4), (TRUTH, ANSWER)),
        (of_classes("matthews", 4), (TRUTH, ANSWER)),
        (of_numbers(X, Y), (X, Y)),
        (of_chances(), (SURE, RIGHT)),
    ],
)
def test_an_influence_is_how_fast_the_value_changes(metric: whole.Whole, columns: tuple[Any, Any]) -> None:
    ones = np.ones(200)
    found = metric.take(*columns, ones)
    assert found.influence.mean() == pytest.approx(0, abs=1e-9)
    for row in (0, 3, 77, 150):
        more = ones.copy()
        more[row] += 1e-5
        moved = (metric.take(*columns, more).value - found.value) / 1e-5 * 200
        assert moved == pytest.approx(found.influence[row], abs=2e-3)


def _clusters(count: int, sizes: list[int]) -> np.ndarray:
    return np.repeat(np.arange(count), RNG.choice(sizes, count))


def _answers(of: np.ndarray, prior: list[float], right: list[float], shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Classes and answers; rows of a cluster are of one class, and right or wrong together, so much of the time."""
    n, groups, classes = len(of), of.max() + 1, len(prior)
    truth = np.where(RNG.random(n) < shared, RNG.choice(classes, groups, p=prior)[of], RNG.choice(classes, n, p=prior))
    luck = np.where(RNG.random(n) < shared, RNG.random(groups)[of], RNG.random(n))
    return truth, np.where(luck > np.array(right)[truth], (truth + RNG.integers(1, classes, n)) % classes, truth)


def false_passes(metric: Callable[..., whole.Whole], draw: Callable[[], tuple[Any, Any, Any]], truth: float, level: float) -> float:
    """How often the bound is on the wrong side of the truth: a candidate that stands exactly on the line passes."""
    wrong = 0
    for _ in range(300):
        first, second, of = draw()
        bounds = metric(first, second).bounds((first, second), of, level)
        wrong += bounds.upper <= truth if metric is _chances else bounds.lower >= truth
    return wrong / 300


def _chances(*_: Any) -> whole.Whole:
    return of_chances()


# Random slack of 300 draws: three standard errors.
LEVEL = 0.05
MOST = LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / 300)


@pytest.mark.parametrize("name", ["macro_f1", "balanced_accuracy", "matthews"])
@pytest.mark.parametrize(("prior", "right"), [([0.5, 0.5], [0.9, 0.9]), ([0.6, 0.25, 0.1, 0.05], [0.95, 0.9, 0.8, 0.7])])
@pytest.mark.parametrize(("count", "sizes", "shared"), [(150, [1], 0.0), (60, [1, 2, 5, 10], 0.5), (60, [1] * 9 + [40], 0.6)])
def test_bounds_on_classes(name: str, prior: list[float], right: list[float], count: int, sizes: list[int], shared: float) -> None:
    metric = of_classes(name, len(prior))
    truth = metric.value(*_answers(np.arange(400_000), prior, right, 0.0))

    def draw() -> tuple[Any, Any, Any]:
        of = _clusters(count, sizes)
        return (*_answers(of, prior, right, shared), of)

    assert false_passes(lambda *_: metric, draw, truth, LEVEL) <= MOST


@pytest.mark.parametrize(("slope", "count", "sizes"), [(0.3, 60, [1]), (0.7, 300, [1]), (0.5, 60, [1, 2, 5, 10])])
def test_bounds_on_spearman(slope: float, count: int, sizes: list[int]) -> None:
    """Ratings of 1 to 5, half of what moves them shared by their cluster."""

    def draw(of: np.ndarray | None = None) -> tuple[Any, Any, Any]:
        of = _clusters(count, sizes) if of is None else of
        n, groups = len(of), of.max() + 1
        parts = [np.where(RNG.random(n) < 0.5, RNG.normal(size=groups)[of], RNG.normal(size=n)) for _ in range(2)]
        ratings = [parts[0], slope * parts[0] + math.sqrt(1 - slope**2) * parts[1]]
        x, y = (np.clip(np.round(1.2 * rating + 3), 1, 5) for rating in ratings)
        return x, y, of

    x, y, _ = draw(np.arange(200_000))
    assert false_passes(of_numbers, draw, float(spearmanr(x, y).statistic), LEVEL) <= MOST


@pytest.mark.parametrize(("shift", "count", "sizes"), [(0.05, 300, [1]), (0.15, 300, [1]), (0.15, 60, [1, 2, 5, 10])])
def test_bounds_on_ece(shift: float, count: int, sizes: list[int]) -> None:
    def draw(of: np.ndarray | None = None) -> tuple[Any, Any, Any]:
        of = _clusters(count, sizes) if of is None else of
        sure = RNG.beta(4, 1, len(of))
        luck = np.where(RNG.random(len(of)) < 0.5, RNG.random(of.max() + 1)[of], RNG.random(len(of)))
        return sure, (luck < sure - shift).astype(float), of

    sure, right, _ = draw(np.arange(400_000))
    assert false_passes(_chances, draw, of_chances().value(sure, right), LEVEL) <= MOST


def test_few_rows_that_are_all_right_prove_little() -> None:
    """Three rows of the rare class: its F1 is 1, and nobody knows."""
    truth = np.array([0] * 60 + [1] * 3)
    assert of_classes("macro_f1", 2).bounds((truth, truth), np.arange(63), 0.05).lower < 0.9
    x = np.arange(8.0)
    assert of_numbers(x, x).bounds((x, x), np.arange(8), 0.05).lower < 0.9
    assert of_chances().bounds((np.ones(5), np.ones(5)), np.arange(5), 0.05).upper > 0.2
