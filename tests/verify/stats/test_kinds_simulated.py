"""What docs/statistics.md says of bars that come down to a mean, on fewer samples; benchmarks/kinds.py puts them to the gate."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
import kinds

from rung.verify.stats.linear import Asked

ALPHA, SAMPLES = 0.05, 1000


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind not in ("micro-F1", "cost", "Brier", "pass@3")])
def test_the_shortcut_is_the_gate(kind: str) -> None:
    """On rows alone and a little above the line, where some pass. Off the grid of means the gate is a hair stricter."""
    linear, rows = kinds.KINDS[kind], kinds.drawn(kind, (1,) * 120, 40, np.random.default_rng(1))
    easier = kinds.TRUTH[kind] * (1.3 if linear.most else 0.93)
    found = kinds.passes(linear, rows, easier, ALPHA)
    stricter = 0
    for sample in range(0, 40, 4):
        parts = tuple(zip(rows.top[sample].tolist(), rows.bottom[sample].tolist(), strict=True))
        asked = Asked(parts=parts, groups=("",) * 120, linear=linear, line=easier, alpha=ALPHA)
        assert found[sample] or not asked.proven(easier)
        stricter += bool(found[sample]) and not asked.proven(easier)
    assert stricter <= 1
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("kind", kinds.KINDS)
@pytest.mark.parametrize("sizes", [(1,) * 150, (1, 2, 4, 8) * 12], ids=["alone", "groups"])
def test_false_passes(kind: str, sizes: tuple[int, ...]) -> None:
    rows = kinds.drawn(kind, sizes, SAMPLES, np.random.default_rng(7))
    wrong = kinds.passes(kinds.KINDS[kind], rows, kinds.TRUTH[kind], ALPHA).mean()
    assert wrong <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / SAMPLES)


@pytest.mark.parametrize("kind", ["recall, slices", "precision", "F1", "cost"])
def test_the_candidate_that_the_card_names_passes_as_often_as_it_says(kind: str) -> None:
    truth = kinds.carded(kind, (1,) * 300)
    assert truth is not None
    assert kinds.simulated(kind, (1,) * 300, truth, SAMPLES) == pytest.approx(0.8, abs=0.05 + 2 * math.sqrt(0.16 / SAMPLES))


def test_rows_that_say_nothing_make_the_groups_of_a_precision_no_smaller() -> None:
    sizes = (1, 2, 4, 8) * 30
    truth = kinds.carded("precision", sizes)
    assert truth is not None
    assert kinds.simulated("precision", sizes, truth, SAMPLES) == pytest.approx(0.8, abs=0.08)
