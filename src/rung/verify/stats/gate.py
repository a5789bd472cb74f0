"""One bar of the kind `at_least` before the gate, and the split of alpha over the rungs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rung.types import Verdict
from rung.verify.stats import sequential
from rung.verify.stats.sequential import Decision, FixedBounds, Sample


def split_alpha(alpha: float, rungs: int) -> tuple[float, ...]:
    """An equal share of alpha for each rung; their sum is at most alpha, so that a whole climb passes wrongly at most that often.

    The rungs share the test split's rows, so this is Bonferroni's bound, which holds under any dependence.
    """
    if rungs < 1 or not 0 < alpha < 1:
        raise ValueError(f"cannot split alpha {alpha} over {rungs} rungs")
    share = alpha / rungs
    while math.fsum([share] * rungs) > alpha:
        share = math.nextafter(share, 0)
    return (share,) * rungs


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the gate is asked of rows: that their mean score, or the mean difference of two candidates, is `bar` or more.

    groups   the cluster of every one of the test rows, in look order (best from `clusters.look_order`); "" is a row alone
    alpha    what all looks at this bar may spend together (see `sequential` for how)
    fixed    the bounds at the full number of rows, where they are not those of `bounds`; exact looks are not made then
    """

    groups: Sequence[str]
    bar: float
    alpha: float
    name: str = "quality"
    fixed: FixedBounds | None = None


def look(values: Sequence[float | None], claim: Claim) -> Verdict | None:
    """The verdict on a claim after the first rows of the test split, or None where more rows must be looked at.

    values   scores in [0, 1] of the rows looked at so far, in look order; None where there is none

    Scores that are missing count as 0 towards a pass and as 1 towards a fail, and the reason says so. Call it as often as you
    like: the verdict depends on the rows alone, not on when one looked. Raises ValueError for scores or shapes that cannot be.
    """
    sample = _sample(values, claim)
    if sample.n and sequential.open_still(sample, claim.bar, claim.alpha, exact=claim.fixed is None):
        return None
    verdict, settled = _judged(values, sample, claim)
    return verdict if settled else None


def judge(values: Sequence[float | None], claim: Claim) -> Verdict:
    """As `look`, but where rows remain to be looked at it says "undecided", with the bounds so far."""
    return _judged(values, _sample(values, claim), claim)[0]


def _sample(values: Sequence[float | None], claim: Claim) -> sequential.Sample:
    worst = [0.0 if value is None else value for value in values]
    best = [1.0 if value is None else value for value in values]
    return sequential.sample_of(worst, best, claim.groups)


def _judged(values: Sequence[float | None], sample: sequential.Sample, claim: Claim) -> tuple[Verdict, bool]:
    present, bar, alpha = [value for value in values if value is not None], claim.bar, claim.alpha
    n_total = len(sample.of)
    if not sample.n:
        return _nothing(claim), n_total == 0
    decision = sequential.decide(sample, bar, alpha, claim.fixed)
    missing = sample.n - len(present)
    verdict = Verdict(
        status=decision.status or "undecided",
        estimate=sum(present) / len(present) if present else None,
        lower=decision.lower,
        upper=decision.upper,
        n=sample.n,
        n_total=n_total,
        missing=missing,
        alpha=alpha,
        bar=bar,
        stopped_by=decision.stopped_by or "not stopped",
        reason=sentence(decision, sample, bar, "{:.1%}".format, alpha) + of_missing(missing),
        needed=decision.needed,
        name=claim.name,
    )
    return verdict, decision.status is not None


def _nothing(claim: Claim) -> Verdict:
    """No row was looked at."""
    return Verdict(
        status="undecided",
        estimate=None,
        lower=None,
        upper=None,
        n=0,
        n_total=len(claim.groups),
        missing=0,
        alpha=claim.alpha,
        bar=claim.bar,
        stopped_by="not stopped",
        reason="no row was looked at",
        name=claim.name,
    )


def sentence(decision: Decision, sample: Sample, bar: float, show: Callable[[float], str], alpha: float) -> str:
    """Why the decision is what it is, in words. `show` writes a mean score as the reader knows it."""
    lower, upper, line = show(decision.lower), show(decision.upper), show(bar)
    sure = f"{1 - alpha:.4g}" if alpha < 0.001 else f"{1 - alpha:.2%}"
    seen = f"{sample.n:,} of {len(sample.of):,} rows"
    if decision.status == "pass":
        beside = _proven(decision, 0, "at least", show)
        return f"at least {lower} ({sure} sure), so the bar of {line} is passed, after {seen}: {decision.stopped_by}{beside}"
    if decision.status == "fail":
        beside = _proven(decision, 1, "at most", show)
        return f"at most {upper} ({sure} sure), below the bar of {line}, after {seen}: {decision.stopped_by}{beside}"
    if decision.lower > decision.upper:
        return f"early and late rows contradict each other (at least {lower}, at most {upper}), after {seen}: not in random order?"
    between = f"between {lower} and {upper}, which leaves the bar of {line} open"
    if decision.status is None:
        return f"{between} after {seen}; more rows remain"
    more = f"; about {decision.needed:,} more labels would decide it" if decision.needed else ""
    if decision.stopped_by == "futility":
        return f"stopped after {seen}: less than 1% chance of passing on all of them; {between}{more}"
    return f"{between} after all {sample.n:,} rows ({decision.stopped_by}){more}"


def _proven(decision: Decision, side: int, which: str, show: Callable[[float], str]) -> str:
    """What stands without a conjecture, where one decided."""
    if decision.proven is None:
        return ""
    return f", held by simulation (betting, which is proven, says {which} {show(decision.proven[side])})"


def of_missing(missing: int) -> str:
    """What was done about answers without a score; empty where there are none."""
    if not missing:
        return ""
    rows = "1 row has" if missing == 1 else f"{missing:,} rows have"
    return f"; {rows} no score: counted as wrong towards a pass and as right towards a fail"
