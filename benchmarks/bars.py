"""How often a candidate that stands exactly on the line of a metric's bar passes, over a grid of shapes and levels.

python benchmarks/bars.py [draws]      about a minute for 300 draws a cell, on one core
"""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np

from rung.verify.stats.whole import of_classes

LEVELS = (0.05, 0.025, 0.00625, 0.003)
METRICS = ("macro_f1", "balanced_accuracy", "matthews")
MIXES = (
    ((0.5, 0.5), (0.9, 0.9)),
    ((0.1, 0.9), (0.8, 0.97)),
    ((0.45, 0.45, 0.1), (0.7, 0.7, 0.7)),
    ((0.5, 0.2, 0.15, 0.1, 0.05), (0.95, 0.9, 0.9, 0.8, 0.8)),
    ((0.125,) * 8, (0.97,) * 8),
)
SHAPES = ((60, (1,), 0.0), (300, (1,), 0.0), (60, (1, 2, 5, 10), 0.5), (60, (1,) * 9 + (40,), 0.5), (200, (1,) * 9 + (40,), 0.8))
RNG = np.random.default_rng(1)


def answers(of: np.ndarray, prior: tuple[float, ...], right: tuple[float, ...], shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Classes and answers; rows of a group are of one class, and right or wrong together, so much of the time."""
    n, groups, classes = len(of), int(of.max()) + 1, len(prior)
    truth = np.where(RNG.random(n) < shared, RNG.choice(classes, groups, p=prior)[of], RNG.choice(classes, n, p=prior))
    luck = np.where(RNG.random(n) < shared, RNG.random(groups)[of], RNG.random(n))
    return truth, np.where(luck > np.array(right)[truth], (truth + RNG.integers(1, classes, n)) % classes, truth)


def main() -> None:
    """A line for each cell: how often the lower bound is above the truth, at each level; ! where that is more than chance."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"{'metric':18} classes groups largest  truth   wrong at levels {LEVELS}")
    for name, (prior, right), (groups, sizes, shared) in itertools.product(METRICS, MIXES, SHAPES):
        metric = of_classes(name, len(prior))
        truth = metric.value(*answers(np.arange(400_000), prior, right, 0.0))
        wrong = np.zeros(len(LEVELS))
        for _ in range(draws):
            of = np.repeat(np.arange(groups), RNG.choice(sizes, groups))
            columns = answers(of, prior, right, shared)
            wrong += [metric.bounds(columns, of, level).lower >= truth for level in LEVELS]
        shares = wrong / draws
        most = [level + 3 * math.sqrt(level * (1 - level) / draws) for level in LEVELS]
        marks = "".join("!" if share > limit else "." for share, limit in zip(shares, most, strict=True))
        print(f"{name:18} {len(prior):7} {groups:6} {max(sizes):7} {truth:6.3f}   {shares.round(4)} {marks}", flush=True)


if __name__ == "__main__":
    main()
