"""How often a candidate exactly on the line of a metric's bar passes, over two grids: writes its table of docs/statistics.md.

    python benchmarks/bars.py [--draws 1000] [--write]

The bounds of metrics that are no mean were tuned on the first grid. The second has other mixes of classes, other sizes of groups
and other seeds, and nothing was chosen by it. A line is printed for each cell: how often the lower bound is above the truth (for
ECE the upper one below it), at each level; ! where that is more than three standard errors above the level. 1,000 draws take some
seven minutes on one core.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from statistics_page import put, table

from rung.verify.stats.whole import Whole, of_chances, of_classes, of_numbers

LEVELS = (0.05, 0.025, 0.00625, 0.003)
Columns = tuple[np.ndarray, np.ndarray]
MIXES = {
    "tuned on": (
        ((0.5, 0.5), (0.9, 0.9)),
        ((0.1, 0.9), (0.8, 0.97)),
        ((0.45, 0.45, 0.1), (0.7, 0.7, 0.7)),
        ((0.5, 0.2, 0.15, 0.1, 0.05), (0.95, 0.9, 0.9, 0.8, 0.8)),
        ((0.125,) * 8, (0.97,) * 8),
    ),
    "fresh": (
        ((0.7, 0.3), (0.95, 0.75)),
        ((0.05, 0.95), (0.6, 0.99)),
        ((0.3, 0.3, 0.4), (0.85, 0.95, 0.9)),
        ((0.4, 0.3, 0.2, 0.1), (0.6, 0.6, 0.5, 0.9)),
        (tuple(np.full(12, 1 / 12)), tuple(np.linspace(0.75, 0.99, 12))),
    ),
}
SHAPES: dict[str, tuple[tuple[int, tuple[int, ...], float], ...]] = {
    "tuned on": (
        (60, (1,), 0.0),
        (300, (1,), 0.0),
        (60, (1, 2, 5, 10), 0.5),
        (60, (1,) * 9 + (40,), 0.5),
        (200, (1,) * 9 + (40,), 0.8),
    ),
    "fresh": (
        (90, (1,), 0.0),
        (700, (1,), 0.0),
        (100, (3, 4, 8), 0.3),
        (150, tuple(range(1, 30)), 0.6),
        (80, (1,) * 5 + (15,), 0.9),
    ),
}
NUMBERS = {"tuned on": (0.3, 0.7), "fresh": (0.5, 0.85)}
SHIFTS = {"tuned on": (0.05, 0.15), "fresh": (0.1, 0.25)}
SEEDS = {"tuned on": 1, "fresh": 977}
LARGE = 400_000


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A metric, how rows are drawn (cluster numbers to columns), and groups of drawn sizes, whose rows agree so often."""

    name: str
    metric: Callable[[Columns], Whole]
    draw: Callable[[np.random.Generator, np.ndarray, float], Columns]
    groups: int
    sizes: tuple[int, ...]
    shared: float

    def wrong(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        """At each level, how often the bound is on the wrong side of the truth."""
        large = self.draw(rng, np.arange(LARGE), 0.0)
        truth, counts = self.metric(large).value(*large), np.zeros(len(LEVELS))
        for _ in range(draws):
            of = np.repeat(np.arange(self.groups), rng.choice(self.sizes, self.groups))
            columns = self.draw(rng, of, self.shared)
            found = [self.metric(columns).bounds(columns, of, level) for level in LEVELS]
            counts += [bounds.upper <= truth if self.name == "ece" else bounds.lower >= truth for bounds in found]
        return counts / draws


def together(rng: np.random.Generator, of: np.ndarray, shared: float, drawn: Callable[[int], np.ndarray]) -> np.ndarray:
    """A figure for each row: its group's so much of the time, else its own."""
    return np.where(rng.random(len(of)) < shared, drawn(int(of.max()) + 1)[of], drawn(len(of)))


def answers(prior: tuple[float, ...], right: tuple[float, ...], rng: np.random.Generator, of: np.ndarray, shared: float) -> Columns:
    """Classes and answers."""
    classes = len(prior)
    truth = together(rng, of, shared, lambda n: rng.choice(classes, n, p=prior))
    luck = together(rng, of, shared, rng.random)
    return truth, np.where(luck > np.array(right)[truth], (truth + rng.integers(1, classes, len(of))) % classes, truth)


def ratings(slope: float, rng: np.random.Generator, of: np.ndarray, shared: float) -> Columns:
    """Two ratings of 1 to 5 that rise together."""
    first, second = (together(rng, of, shared, rng.standard_normal) for _ in range(2))
    both = (first, slope * first + math.sqrt(1 - slope**2) * second)
    x, y = (np.clip(np.round(1.2 * rating + 3), 1, 5) for rating in both)
    return x, y


def chances(shift: float, rng: np.random.Generator, of: np.ndarray, shared: float) -> Columns:
    """How sure, and whether right: that often, less a shift."""
    sure = rng.beta(4, 1, len(of))
    return sure, (together(rng, of, shared, rng.random) < sure - shift).astype(float)


def cells(grid: str) -> Iterator[Cell]:
    """All cells of a grid."""
    for groups, sizes, shared in SHAPES[grid]:
        shape = partial(Cell, groups=groups, sizes=sizes, shared=shared)
        for name in ("macro_f1", "balanced_accuracy", "matthews"):
            for prior, right in MIXES[grid]:
                metric = of_classes(name, len(prior))
                yield shape(name=name, metric=lambda _, one=metric: one, draw=partial(answers, prior, right))
        for slope in NUMBERS[grid]:
            yield shape(name="spearman", metric=lambda columns: of_numbers(*columns), draw=partial(ratings, slope))
        for shift in SHIFTS[grid]:
            yield shape(name="ece", metric=lambda _: of_chances(), draw=partial(chances, shift))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="write the table")
    chosen = parser.parse_args()
    most = [level + 3 * math.sqrt(level * (1 - level) / chosen.draws) for level in LEVELS]
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    print(f"{'grid':9} {'metric':18} groups largest   wrong at levels {LEVELS}")
    for grid, seed in SEEDS.items():
        rng = np.random.default_rng(seed)
        for cell in cells(grid):
            shares = cell.wrong(rng, chosen.draws)
            found.setdefault((cell.name, grid), []).append(shares)
            marks = "".join("!" if share > limit else "." for share, limit in zip(shares, most, strict=True))
            print(f"{grid:9} {cell.name:18} {cell.groups:6} {max(cell.sizes):7}   {shares.round(4)} {marks}", flush=True)
    rows = []
    for (name, grid), shares in sorted(found.items()):
        worst, above = np.max(shares, axis=0), int((np.array(shares) > most).any(axis=1).sum())
        rows.append([f"`{name}`", grid, f"{len(shares)}", *(f"{share:.2%}" for share in worst), f"{above}"])
    heads = [
        "metric",
        "grid",
        "cells",
        *(f"worst at {level:.3%}".replace("00%", "%") for level in LEVELS),
        "cells above by more than chance",
    ]
    text = table(heads, rows)
    print(text)
    if chosen.write:
        put("metrics of the whole", f"{chosen.draws:,} draws for each cell.\n\n{text}")


if __name__ == "__main__":
    main()
