"""Of the locked split: what a cap of rows per group gives, what each climb may spend, and who is in it. See simulations.py."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from statistics_page import table

from rung.data.split import split
from rung.types import Example
from rung.verify import alpha
from rung.verify.stats import power

TAILS = {
    "150 with heavy tails": np.minimum(1 + np.random.default_rng(3).pareto(1.1, 150), 120).astype(int),
    "400 with heavy tails": np.minimum(1 + np.random.default_rng(4).pareto(1.1, 400), 300).astype(int),
    "10 of 40 and 100 alone": np.array([40] * 10 + [1] * 100),
}
CAPS = (None, 20, 10, 5, 2, 1)
CASES = ((0.5, 0.65), (0.8, 0.9), (0.8, 0.95))


def capped() -> str:
    """Power at a share of 2.5%, by the card, where at most so many rows of each group stay."""
    rows = []
    for name, sizes in TAILS.items():
        for most in CAPS:
            kept = tuple(int(size) for size in np.minimum(sizes, most or sizes.max()))
            chances = (power.power(kept, 0.025, bar, truth) for bar, truth in CASES)
            rows.append([name, f"{most or 'none'}", f"{sum(kept):,}", *(f"{chance:.0%}" for chance in chances)])
    return table(["groups", "`most_per_group`", "rows", *(f"bar {bar}, truth {truth}" for bar, truth in CASES)], rows)


SERIES: Mapping[str, Callable[[int], float]] = {
    "3/4, then (1/4) / (k (k - 1)) (used)": alpha.weight,
    "halving": lambda k: 0.5**k,
    "6 / (pi k)^2": lambda k: 6 / (np.pi * k) ** 2,
    "all, once": lambda k: float(k == 1),
}


def ledger() -> str:
    """Power of the k-th climb on the same rows: 1,200 rows, bar .83, truth .86, three rungs, alpha 5%."""
    rows = []
    for name, weight in SERIES.items():
        levels = [0.05 * weight(k) / 3 for k in (1, 2, 3, 8)]
        rows.append([name, *(f"{power.operating(1200, level, 0.83, 0.86).passes:.1%}" if level else "none" for level in levels)])
    return table(["of alpha", "first climb", "second", "third", "eighth"], rows)


def placed() -> str:
    """How far the mean over the rows of 400 tests lies from the file's, where the larger a group, the harder it is."""
    rows = []
    for name, sizes in FILES.items():
        groups = {f"g{number}": int(size) for number, size in enumerate(sizes)}
        largest = max(groups.values())
        score = {group: 0.95 - 0.5 * (size / largest) ** 0.5 for group, size in groups.items()}
        whole = _mean(groups, score)
        found = []
        for place in (_where_it_fits, _drawn):
            times = Counter(group for seed in range(400) for group in place(groups, seed))
            mean = _mean({group: size * times[group] for group, size in groups.items()}, score)
            found.append(f"{100 * (mean - whole):+.1f} points")
        rows.append([name, f"{sum(groups.values()):,}", *found])
    return table(["groups", "rows", "test by what still fits (before)", "test drawn (now)"], rows)


FILES = {
    "80 of 120, 60, 40, 30, ...": np.maximum(1, 120 // np.arange(1, 81)),
    "150 with heavy tails": TAILS["150 with heavy tails"],
    "60 of 1 to 50": np.resize(np.arange(1, 51), 60),
}


def _mean(groups: Mapping[str, int], score: Mapping[str, float]) -> float:
    return sum(size * score[group] for group, size in groups.items()) / sum(groups.values())


def _drawn(groups: Mapping[str, int], seed: int) -> set[str]:
    """Groups of test, as rung draws them."""
    row = Example(id="", messages=({"role": "user", "content": ""},))
    rows = [replace(row, id=f"{group} {n}", group=group) for group, size in groups.items() for n in range(size)]
    return {row.group for row in split(rows, {"train": 0.5, "dev": 0.2, "test": 0.3}, seed) if row.split == "test"}


def _where_it_fits(groups: Mapping[str, int], seed: int) -> set[str]:
    """The rule of before: groups in a drawn order, each to the split that has most room left of those that it fits in."""
    n = sum(groups.values())
    wanted = {"train": n - round(0.2 * n) - round(0.3 * n), "dev": round(0.2 * n), "test": round(0.3 * n)}
    room, placed = dict(wanted), dict[str, str]()
    for group in sorted(groups, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        fitting = [name for name in room if room[name] >= groups[group]] or [max(room, key=lambda name: room[name])]
        best = max(fitting, key=lambda name: room[name] / wanted[name])
        placed[group] = best
        room[best] -= groups[group]
    return {group for group, name in placed.items() if name == "test"}
