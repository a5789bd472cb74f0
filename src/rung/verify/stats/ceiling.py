"""What any answerer can score on labels that contradict each other.

Two labels of one question agree with probability A = sum of p_j^2, where p_j is how often it is labelled j. Whoever knows the p_j
and names the likeliest label is right with probability max p_j, and of all p with that A and K labels, max p is largest where the
others share the rest alike:

    max p <= (1 + sqrt((K - 1) (K A - 1))) / K        sqrt(A) where K is not known

which is concave in A, so that by Jensen's inequality it holds for means over questions as well (for K = 2 it is the relation
between nearest-neighbour error and Bayes error of Cover and Hart, 1967).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any


def best_share(agreement: float, labels: int | None) -> float:
    """The most that any answerer is right, given how often two labels of a question agree; `labels` is K, None where not known."""
    if labels is None:
        return math.sqrt(agreement)
    if labels < 2:
        return 1.0
    return (1 + math.sqrt(max(0.0, (labels - 1) * (labels * max(agreement, 1 / labels) - 1)))) / labels


def ceiling(
    agreement: Sequence[float], rows: Sequence[int], labels: int | None, covered: float, level: float
) -> tuple[float, float]:
    """The estimate and the upper bound, at `level`, of what can be right.

    agreement  of each question, how often two labels of it are the same, among disjoint pairs. A question is one draw, however many
               pairs it has: what is asked a hundred times would speak for all the others
    rows       how many rows ask each question: it counts as a group of so many
    covered    the share of rows that have such a twin; of the others nothing is known, so that all of them may be right
    """
    from rung.verify.stats.bounds import fixed_bounds

    if not agreement:
        return 1.0, 1.0
    scores = [share for share, count in zip(agreement, rows, strict=True) for _ in range(count)]
    of = [question for question, count in enumerate(rows) for _ in range(count)]
    upper = fixed_bounds(scores, of, level).upper
    estimate, most = best_share(sum(scores) / len(scores), labels), best_share(upper, labels)
    return covered * estimate + 1 - covered, covered * most + 1 - covered


def noise_share(probabilities: Any, labels: Sequence[int]) -> float:
    """The share of labels that are wrong, by confident learning (Northcutt, Jiang and Chuang, arXiv 1911.00068).

    probabilities  (n, classes), each row by a model that has not seen it
    labels         n given classes

    A class's threshold is its mean probability over the rows that carry it; a row is taken to be truly of the likeliest class whose
    threshold it passes. Of the rows that pass any, the share whose class is not the given one, each given class weighted to its own
    number.
    """
    import numpy as np

    table, given = np.asarray(probabilities, float), np.asarray(labels)
    counts = Counter(given.tolist())
    thresholds = np.array([table[given == k, k].mean() if counts[k] else np.inf for k in range(table.shape[1])])
    passing = np.where(table >= thresholds, table, -1.0)
    sure = passing.max(axis=1) >= 0
    true = passing.argmax(axis=1)
    wrong = 0.0
    for k, count in counts.items():
        mine = sure & (given == k)
        wrong += count * float((true[mine] != k).mean()) if mine.any() else 0.0
    return wrong / max(1, len(given))
