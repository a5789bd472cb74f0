"""Bars that come down to a mean: the mean is on the line exactly where the whole is, and a candidate on the line rarely passes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.verify.metrics import ANSWERED, MICRO_F1, ONE_F1, SHARE
from rung.verify.stats.bounds import clopper_pearson
from rung.verify.stats.linear import Asked, Linear, fixed_ends, look_linear

KINDS = {
    "share": Linear(corners=SHARE),
    "upper": Linear(corners=SHARE, most=True),
    "precision": Linear(corners=ANSWERED),
    "f1": Linear(corners=ONE_F1),
    "micro": Linear(corners=MICRO_F1),
    "cost": Linear(corners=((0.0, 1.0), (20.0, 1.0)), most=True),
}


@given(st.sampled_from(sorted(KINDS)), st.data())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_mean_of_the_shares_is_on_the_line_where_the_whole_is(name: str, data: Any) -> None:
    linear = KINDS[name]
    parts = data.draw(st.lists(st.sampled_from(linear.corners), min_size=1, max_size=30))
    whole = linear.whole(parts)
    line = data.draw(st.floats(0.01, 0.99)) * linear.span[1]
    scores, bar = linear.scores(parts, line)
    known = [score for score in scores if score is not None]
    assert all(0 <= score <= 1 for score in known) and 0 <= bar <= 1
    if whole is None or abs(whole - line) < 1e-6:
        return
    held = whole < line if linear.most else whole > line
    assert (sum(known) / len(known) > bar) == held
    at, bar = linear.scores(parts, whole)
    if 0 < whole < linear.span[1]:
        assert sum(score or 0.0 for score in at) / len(at) == pytest.approx(bar)


def asked(kind: str, parts: list[Any], line: float, alpha: float, groups: list[str] | None = None) -> Asked:
    named = tuple(groups or [""] * len(parts))
    return Asked(parts=tuple(parts), groups=named, linear=KINDS[kind], line=line, alpha=alpha)


def test_f1_is_clopper_and_pearsons_on_what_is_no_true_negative() -> None:
    """Given how many rows are not, TP is binomial with q = TP / (TP + FP + FN), and F1 = 2q / (1 + q)."""
    parts = [(2.0, 2.0)] * 60 + [(0.0, 1.0)] * 15 + [(0.0, 0.0)] * 200
    low, high = clopper_pearson(60, 75, 0.05)
    found = fixed_ends(asked("f1", parts, 0.8, 0.05))
    assert found == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)), abs=2e-4)


def test_bounds_that_are_shown_are_those_that_decided() -> None:
    rng = np.random.default_rng(8)
    for line in (0.6, 0.7, 0.75, 0.8, 0.85, 0.9):
        parts = [((2.0, 2.0), (0.0, 1.0), (0.0, 0.0))[k] for k in rng.choice(3, 300, p=[0.3, 0.12, 0.58])]
        verdict = look_linear(asked("f1", parts, line, 0.05))
        assert verdict is not None and verdict.lower is not None and verdict.upper is not None
        status = "pass" if verdict.lower >= line else "fail" if verdict.upper < line else "undecided"
        assert verdict.status == status


def _rows(rng: np.random.Generator, of: np.ndarray, shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Spam in a fifth of the rows; 80% of it is caught, 5% of the ham taken for it. A cluster shares both so much of the time."""
    groups = of.max() + 1
    spam = np.where(rng.random(len(of)) < shared, rng.random(groups)[of], rng.random(len(of))) < 0.2
    luck = np.where(rng.random(len(of)) < shared, rng.random(groups)[of], rng.random(len(of)))
    return spam, np.where(spam, luck < 0.8, luck < 0.05)


def _parts(kind: str, spam: np.ndarray, said: np.ndarray) -> list[tuple[float, float]]:
    right = spam == said
    pairs = {
        "share": (right, np.ones(len(spam))),
        "upper": (~right, np.ones(len(spam))),
        "precision": (spam & said, said),
        "f1": (2 * (spam & said), spam.astype(int) + said),
        "micro": (2 * right, 2 * np.ones(len(spam))),
        "cost": (np.where(spam & ~said, 1, np.where(~spam & said, 20, 0)), np.ones(len(spam))),
    }
    return [(float(top), float(bottom)) for top, bottom in zip(*pairs[kind], strict=True)]


# Of the candidate above: 16% of all rows are spam that is caught, 4% missed spam, 4% ham that is taken for spam.
TRUTH = {"share": 0.92, "upper": 0.08, "precision": 0.8, "f1": 0.8, "micro": 0.92, "cost": 0.04 + 20 * 0.04}
ALPHA, RUNS = 0.1, 120


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(("sizes", "shared"), [([1], 0.0), ([1, 2, 4, 8], 0.5)])
def test_false_passes(kind: str, sizes: list[int], shared: float) -> None:
    """A candidate that stands exactly on the line, judged with every look: at most alpha, and three standard errors."""
    rng, passed = np.random.default_rng(17), 0
    for _ in range(RUNS):
        of = np.repeat(np.arange(240 // len(sizes)), rng.choice(sizes, 240 // len(sizes)))
        spam, said = _rows(rng, of, shared)
        groups = [""] * len(of) if sizes == [1] else [f"g{number}" for number in of]
        passed += asked(kind, _parts(kind, spam, said), TRUTH[kind], ALPHA, groups).proven(TRUTH[kind])
    assert passed / RUNS <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


def test_a_recall_on_its_fixed_rows_in_groups() -> None:
    """Groups keep only those of their rows that are spam."""
    rng, passed = np.random.default_rng(18), 0
    for _ in range(RUNS):
        of = np.repeat(np.arange(120), rng.choice([1, 2, 4, 8], 120))
        spam, said = _rows(rng, of, 0.5)
        parts = [(float(caught), 1.0) for caught in said[spam]]
        passed += asked("share", parts, 0.8, ALPHA, [f"g{number}" for number in of[spam]]).proven(0.8)
    assert passed / RUNS <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)
