"""Choosing one of several trials on dev without believing the luckiest.

The best mean of many trials is too high: of 18 equal ones on 1,000 rows the best reads 2.3 points above the truth, of 20 on 50
rows 10.2 (simulated). So its own dev mean is never a claim, only the gate's is; and a simpler trial that is as good within the
noise goes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rung.verify.stats.clusters import labels


def one_standard_error(trials: Sequence[tuple[float, Sequence[float | None]]], groups: Sequence[str]) -> int:
    """The index of the cheapest trial whose mean is within one paired standard error of the best (Breiman et al., 1984).

    trials  (cost, scores) each; the scores stand for the same rows in the same order
    groups  the cluster of each of these rows; "" is a row alone

    A row that could not be scored counts against the trial. Of equal costs the better mean is taken, then the first. Raises
    ValueError without trials, or where they did not see the same number of rows.
    """
    if not trials or len({len(values) for _, values in trials}) > 1:
        raise ValueError("one or more trials on the same rows are needed")
    scores = [[value or 0.0 for value in values] for _, values in trials]
    means = [sum(row) / max(len(row), 1) for row in scores]
    best = max(range(len(trials)), key=lambda index: (means[index], -trials[index][0], -index))
    errors = [standard_error(scores[best], row, groups) for row in scores]
    near = [index for index, error in enumerate(errors) if means[best] - means[index] <= error]
    return min(near, key=lambda index: (trials[index][0], -means[index], index))


def standard_error(a_scores: Sequence[float], b_scores: Sequence[float], groups: Sequence[str]) -> float:
    """Of the mean of a - b over the same rows, which are independent between clusters only; 0 with fewer than two clusters."""
    of = labels(groups)
    n, count = len(a_scores), len(set(of))
    if count < 2:
        return 0.0
    differences = [a - b for a, b in zip(a_scores, b_scores, strict=True)]
    mean, residuals = sum(differences) / n, [0.0] * count
    for cluster, difference in zip(of, differences, strict=True):
        residuals[cluster] += difference - mean
    return math.sqrt(sum(residual**2 for residual in residuals) * count / (count - 1)) / n
