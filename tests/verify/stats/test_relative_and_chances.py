"""False passes of bars on some rows against another candidate, and on chances: candidates that stand exactly on the line."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rung.verify.stats.gate import Claim
from rung.verify.stats.linear import Asked, Linear
from rung.verify.stats.paired import look_paired

ALPHA, RUNS, ROWS = 0.1, 120, 240
MOST = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


def _drawn(rng: np.random.Generator, grouped: bool) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Cluster numbers, their names, and a figure within 0 and 1 for each row, half of the time the cluster's own."""
    of = np.repeat(np.arange(64), rng.choice([1, 2, 4, 8], 64)) if grouped else np.arange(ROWS)
    luck = rng.random(len(of))
    if grouped:
        luck = np.where(rng.random(len(of)) < 0.5, rng.random(64)[of], luck)
    return of, [f"g{number}" for number in of], luck


@pytest.mark.parametrize("grouped", [False, True])
def test_a_comparison_on_some_rows(grouped: bool) -> None:
    """A fifth of the rows are meant; both candidates are right on 80% of these, so that one is not better by more than 0."""
    rng, passed = np.random.default_rng(21), 0
    for _ in range(RUNS):
        _, names, luck = _drawn(rng, grouped)
        meant = rng.random(len(names)) < 0.2
        mine, other = (luck < 0.8).astype(float), ((luck + 0.3) % 1 < 0.8).astype(float)
        kept = [name for name, about in zip(names, meant, strict=True) if about]
        verdict = look_paired(list(mine[meant]), list(other[meant]), Claim(groups=kept, bar=0.0, alpha=ALPHA, name="quality"))
        passed += verdict is not None and verdict.status == "pass"
    assert passed / RUNS <= MOST


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("kind", ["brier", "pass_at_k"])
def test_chances(kind: str, grouped: bool) -> None:
    """The right label's chance is uniform: Brier's mean is 1/3, that of a right one among 3 samples is 3/4."""
    rng, passed = np.random.default_rng(22), 0
    linear, line = Linear(corners=((0.0, 1.0), (1.0, 1.0)), most=kind == "brier"), 1 / 3 if kind == "brier" else 3 / 4
    for _ in range(RUNS):
        _, names, chance = _drawn(rng, grouped)
        tops = (1 - chance) ** 2 if kind == "brier" else 1 - (1 - chance) ** 3
        parts = tuple((float(top), 1.0) for top in tops)
        passed += Asked(parts=parts, groups=tuple(names), linear=linear, line=line, alpha=ALPHA).proven(line)
    assert passed / RUNS <= MOST
