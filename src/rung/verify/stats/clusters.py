"""Which rows stand together: rows of one group are one draw from the world, rows without a group are one draw each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def labels(groups: Sequence[str]) -> list[int]:
    """A number for each row's cluster, counted in order of appearance. An empty group is a cluster of its own.

    groups   n names
    returns  n integers in [0, number of clusters)
    """
    numbers: dict[str, int] = {}
    found, clusters = [], 0
    for group in groups:
        if group and group in numbers:
            found.append(numbers[group])
            continue
        if group:
            numbers[group] = clusters
        found.append(clusters)
        clusters += 1
    return found


def count(groups: Sequence[str]) -> int:
    """How many independent clusters the rows make."""
    return len(set(labels(groups)))


def look_order(groups: Sequence[str], seed: int) -> list[int]:
    """Row indices in a random order fixed by `seed`, clusters shuffled, the rows of each together.

    A cluster can be bet on once all its rows are in, so that keeping its rows together lets a gate stop early.
    """
    members: dict[int, list[int]] = {}
    for row, label in enumerate(labels(groups)):
        members.setdefault(label, []).append(row)
    order = list(members.values())
    random.Random(f"gate {seed}").shuffle(order)
    return [row for rows in order for row in rows]


def totals(values: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the values and number of rows of each cluster, in order of the cluster's number.

    values  (n,) scores
    of      (n,) cluster numbers, from `labels`
    """
    import numpy as np

    _, place, sizes = np.unique(of, return_inverse=True, return_counts=True)
    return np.bincount(place, weights=values), sizes.astype(float)


def sizes(groups: Sequence[str]) -> tuple[int, ...]:
    """How many rows each cluster has, in order of the cluster's number."""
    return tuple(Counter(labels(groups)).values())
