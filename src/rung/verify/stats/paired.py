"""Two candidates on the same rows: is the mean difference above `delta`?

`better_than: x by d` asks for delta = +d, `not_worse_than: x by m` for delta = -m (non-inferiority). A difference d in [-1, 1]
becomes the score (1 + d) / 2 with the bar (1 + delta) / 2, and is then looked at like any other mean. With delta = 0 the bets are
on who wins the rows that only one of the two got right: a sequential McNemar test.

At the full number of rows: where every row stands alone and each difference is -1, 0 or 1, the exact unconditional test that orders
outcomes by Tango's score (Tango, 1998; Hsueh, Liu and Chen, 2001); else as in `bounds`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rung.types import Verdict
from rung.verify.stats import bounds, clusters, sequential
from rung.verify.stats.gate import Claim, of_missing, sentence

NUISANCE_POINTS = 41
BISECTIONS = 16


def look_paired(a_values: Sequence[float | None], b_values: Sequence[float | None], claim: Claim) -> Verdict | None:
    """The verdict on `mean(a) - mean(b) >= claim.bar` after the first test rows, or None where more must be looked at.

    a_values, b_values  scores in [0, 1] of the candidate and of what it is compared with, row by row; None where there is none

    The verdict's estimate, bounds and bar are differences, in [-1, 1]. A missing score counts as the worst for the candidate
    towards a pass and as the best towards a fail. Raises ValueError for scores or shapes that cannot be.
    """
    if len(a_values) != len(b_values):
        raise ValueError(f"{len(a_values)} scores against {len(b_values)}")
    both = [(a, b) for a, b in zip(a_values, b_values, strict=True) if a is not None and b is not None]
    sample = sequential.sample_of(_scores(a_values, b_values, 0.0), _scores(a_values, b_values, 1.0), claim.groups)
    line, alpha = (1 + claim.bar) / 2, claim.alpha
    if not sample.n or sequential.open_still(sample, line, alpha, exact=False):
        return None
    decision = sequential.decide(sample, line, alpha, fixed_difference)
    if decision.status is None:
        return None
    lower, upper = 2 * decision.lower - 1, 2 * decision.upper - 1
    missing = sample.n - len(both)
    reason = sentence(decision, sample, line, _points, alpha) + _wins(both) + of_missing(missing)
    return Verdict(
        status=decision.status,
        estimate=sum(a - b for a, b in both) / len(both) if both else None,
        lower=lower,
        upper=upper,
        n=sample.n,
        n_total=len(sample.of),
        missing=missing,
        alpha=alpha,
        bar=claim.bar,
        stopped_by=decision.stopped_by,
        reason=reason,
        needed=decision.needed,
        name=claim.name,
    )


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One candidate's scores less another's on the same n rows; means and `estimate` are over those that both have a score of.

    `lower` and `upper` are each one-sided at `level`, for rows that were chosen before anything was scored; a missing score counts
    as the worst towards each. `p` is McNemar's, None where rows share groups: it takes each for a draw of its own.
    """

    n: int
    missing: int
    before: float | None
    after: float | None
    estimate: float | None
    lower: float
    upper: float
    better: int
    worse: int
    p: float | None
    level: float


def compared(before: Sequence[float | None], after: Sequence[float | None], groups: Sequence[str], level: float) -> Compared:
    """Scores in [0, 1] of two candidates, row by row, None where there is none; n of them and n groups, n at least 1."""
    both = [(a, b) for a, b in zip(after, before, strict=True) if a is not None and b is not None]
    of, n = clusters.labels(groups), len(both)
    least = fixed_difference(_scores(after, before, 0.0), of, level).lower
    most = fixed_difference(_scores(after, before, 1.0), of, level).upper
    won, lost = sum(a > b for a, b in both), sum(a < b for a, b in both)
    return Compared(
        n=len(of),
        missing=len(of) - n,
        before=sum(b for _, b in both) / n if n else None,
        after=sum(a for a, _ in both) / n if n else None,
        estimate=sum(a - b for a, b in both) / n if n else None,
        lower=2 * least - 1,
        upper=2 * most - 1,
        better=won,
        worse=lost,
        p=mcnemar(won, lost) if len(set(of)) == len(of) else None,
        level=level,
    )


def _scores(a_values: Sequence[float | None], b_values: Sequence[float | None], missing: float) -> list[float]:
    """(1 + a - b) / 2 for each row; a missing a counts as `missing`, a missing b as its opposite."""
    pairs = zip(a_values, b_values, strict=True)
    return [(1 + (missing if a is None else a) - (1 - missing if b is None else b)) / 2 for a, b in pairs]


def _points(score: float) -> str:
    return f"{100 * (2 * score - 1):+.1f} points"


def _wins(both: Sequence[tuple[float, float]]) -> str:
    won, lost = sum(a > b for a, b in both), sum(a < b for a, b in both)
    return f"; {won:,} rows better, {lost:,} worse (McNemar's exact p = {mcnemar(won, lost):.2g})"


def mcnemar(won: int, lost: int) -> float:
    """Exact two-sided p-value of "won and lost are equally likely" given won + lost (McNemar, 1947)."""
    from scipy.stats import binom

    return min(1.0, 2 * float(binom.cdf(min(won, lost), won + lost, 0.5)))


def fixed_difference(scores: Sequence[float], of: Sequence[int], level: float) -> bounds.Bounds:
    """Bounds on the mean of scores (1 + d) / 2, each one-sided at `level`, at the full number of rows."""
    won, lost, n = scores.count(1.0), scores.count(0.0), len(scores)
    ternary = won + lost + scores.count(0.5) == n
    if not ternary or len(set(of)) < n:
        return bounds.fixed_bounds(scores, of, level)
    lower, upper = difference_bounds(won, lost, n, level)
    return bounds.Bounds(lower=(1 + lower) / 2, upper=(1 + upper) / 2, method="exact (paired, unconditional)")


def difference_bounds(won: int, lost: int, n: int, level: float) -> tuple[float, float]:
    """Exact bounds on P(win) - P(loss) from n independent rows, each one-sided at `level`, by inverting `exact_p`."""
    return _difference_lower(won, lost, n, level), -_difference_lower(lost, won, n, level)


@lru_cache(maxsize=4096)
def _difference_lower(won: int, lost: int, n: int, level: float) -> float:
    low, high = -1.0, (won - lost) / n
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if exact_p(won, lost, n, middle) <= level:
            low = middle
        else:
            high = middle
    return low


def exact_p(won: int, lost: int, n: int, delta: float) -> float:
    """The largest probability, over every P(win) - P(loss) = delta, of a score at least as large as the one of this outcome.

    delta is in (-1, 1). P(win) + P(loss) is unknown; the supremum is taken over a grid, finer near the smallest possible value.
    """
    import numpy as np
    from scipy.special import bdtrc
    from scipy.stats import binom

    losses = np.arange(n + 1)
    fewest = _fewest_wins(losses, n, delta, float(tango_score(won, lost, n, delta)))
    both = (1 - abs(delta)) / 2 * np.linspace(0, 1, NUISANCE_POINTS)[:, None] ** 2
    p_win, p_loss = both + max(delta, 0.0), both + max(-delta, 0.0)
    left = n - losses
    share = np.clip(p_win / np.maximum(1 - p_loss, 1e-300), 0.0, 1.0)
    reached = np.where(fewest <= 0, 1.0, np.where(fewest > left, 0.0, bdtrc(np.maximum(fewest - 1, 0), np.maximum(left, 1), share)))
    return float((binom.pmf(losses, n, p_loss) * reached).sum(axis=1).max())


def _fewest_wins(losses: Any, n: int, delta: float, score: float) -> Any:
    """For each number of losses the fewest wins with at least this score; more than can be where there is none."""
    import numpy as np

    low, high = np.zeros_like(losses), n - losses + 1
    for _ in range(math.ceil(math.log2(n + 2)) + 1):
        middle = (low + high) // 2
        enough = (middle > n - losses) | (tango_score(np.minimum(middle, n - losses), losses, n, delta) >= score - 1e-9)
        high, low = np.where(enough, middle, high), np.where(enough, low, np.minimum(middle + 1, high))
    return high


def tango_score(won: Any, lost: Any, n: int, delta: float) -> Any:
    """Tango's score for P(win) - P(loss) = delta: the observed difference less delta, over its spread under that hypothesis.

    The nuisance P(loss) is at its restricted maximum of the likelihood (Tango, 1998, Statistics in Medicine 17, 891-908).
    """
    import numpy as np

    wins, losses = np.asarray(won, float), np.asarray(lost, float)
    linear = -wins - losses + (2 * n - wins + losses) * delta
    constant = -losses * delta * (1 - delta)
    p_loss = (np.sqrt(np.maximum(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    above = wins - losses - n * delta
    spread = np.sqrt(np.maximum(n * (2 * p_loss + delta * (1 - delta)), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = above / spread
    certain = np.where(np.abs(above) < 1e-9, 0.0, np.where(above > 0, np.inf, -np.inf))
    return np.where(spread > 1e-12, score, certain)
