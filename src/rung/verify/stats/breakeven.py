"""Break-even between two ways to answer: after how many answers has the dearer one to make paid for itself?

    C = in (1 - cached share) p_in + cached p_cached + out p_out     per answer, at a server's prices
    C = seconds x the machine's price                                per answer, on one's own machine
    F = labels x their price + seconds to make and measure it x the machine's price, or what its measuring cost at a server
    N* = (F_b - F_a) / (C_a - C_b)

Nothing is invented. Where no price of a machine is given, machines are counted in seconds; where a label has no price, labels are
left out of F and the result says so; answers from a server and answers of one's own machine are compared only in dollars. Cached
tokens of a server cost what its prices say of them, the full price where they say nothing. On one's own machine the measured
seconds already have what prefix caching saves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rung.engine.backend import price_usd
from rung.types import Answer
from rung.verify.stats import clusters

SAMPLES = 1000
LEVEL = 0.8

Unit = Literal["usd", "seconds"]
Outcome = Literal["at once", "after", "never", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What the user says of it; None is not known."""

    answers_per_month: float | None = None
    machine_usd_per_hour: float | None = None
    label_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a rung took.

    answers   on the same evaluation rows, in the same order, for every rung
    groups    the cluster of each of these rows; none where every row stands alone
    remote    whether a server answers, whose prices count, or one's own machine, whose seconds do
    labels    train rows whose targets it learns from
    making_s  seconds to make and to measure it, on one's own machine
    asked     answers that measuring it took
    """

    name: str
    answers: tuple[Answer, ...]
    remote: bool
    labels: int
    making_s: float
    asked: int
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """In `unit`: once, and for one answer (`each`, row by row; empty where it cannot be told, with the reason in `unknown`)."""

    name: str
    unit: Unit
    once: float
    each: tuple[float, ...]
    unknown: str = ""
    groups: tuple[str, ...] = ()

    @property
    def per_answer(self) -> float | None:
        """Mean cost of an answer."""
        return sum(self.each) / len(self.each) if self.each else None


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """From how many answers on `dearer` (the one that costs more once) is cheaper in all than `cheaper`.

    answers is None where that never comes; lower and upper are an 80% interval of the rows' spread, None for "never".
    """

    cheaper: str
    dearer: str
    unit: Unit
    outcome: Outcome
    answers: float | None = None
    lower: float | None = None
    upper: float | None = None
    months: float | None = None
    months_lower: float | None = None
    months_upper: float | None = None
    sentence: str = ""


def unit_of(measured: Sequence[Measured], traffic: Traffic) -> Unit:
    """Dollars where a server is paid or the machine has a price; else seconds."""
    return "usd" if traffic.machine_usd_per_hour is not None or any(one.remote for one in measured) else "seconds"


def cost_of(measured: Measured, unit: Unit, prices: Mapping[str, float], traffic: Traffic) -> Cost:
    """What a rung costs once and per answer."""
    labels = measured.labels * (traffic.label_usd or 0.0) if unit == "usd" else 0.0
    if measured.remote:
        each = [price_usd(prices, answer) for answer in measured.answers]
        reason = "the server or the prices do not say what an answer costs"
    else:
        rate = 1.0 if unit == "seconds" else _per_second(traffic)
        each = [
            answer.latency_s * rate if answer.latency_s is not None and rate is not None else None for answer in measured.answers
        ]
        reason = "traffic.machine_usd_per_hour is not given" if rate is None else "the seconds of its answers are not known"
    known = tuple(cost for cost in each if cost is not None)
    if not known or len(known) < len(each):
        return Cost(name=measured.name, unit=unit, once=labels, each=(), unknown=reason)
    making = measured.asked * sum(known) / len(known) if measured.remote else measured.making_s * (rate or 0.0)
    return Cost(name=measured.name, unit=unit, once=labels + making, each=known, groups=measured.groups)


def break_even(a: Cost, b: Cost, traffic: Traffic, *, seed: int = 0) -> BreakEven:
    """Between two rungs, in either order. The interval resamples groups of evaluation rows, the same ones for both."""
    cheaper, dearer = (a, b) if a.once <= b.once else (b, a)
    known: dict[str, Any] = {"cheaper": cheaper.name, "dearer": dearer.name, "unit": a.unit}
    if unknown := next((f"{cost.name}: {cost.unknown}" for cost in (a, b) if cost.unknown), ""):
        return BreakEven(**known, outcome="unknown", sentence=f"not known: {unknown}")
    extra = dearer.once - cheaper.once
    low, point, high = _saving(cheaper, dearer, seed)
    if extra == 0 and point > 0:
        return BreakEven(**known, outcome="at once", answers=0.0, sentence=f"{dearer.name} is cheaper from the first answer on")
    if point <= 0:
        found = BreakEven(**known, outcome="never", lower=_answers(extra, high))
    else:
        found = BreakEven(**known, outcome="after", answers=extra / point, lower=_answers(extra, high), upper=_answers(extra, low))
    return _told(found, traffic)


def _saving(cheaper: Cost, dearer: Cost, seed: int) -> tuple[float, float, float]:
    """What an answer of the dearer one saves: the ends of an 80% bootstrap interval around its mean."""
    import numpy as np

    n = len(cheaper.each)
    if n != len(dearer.each):
        raise ValueError(f"{n} answers against {len(dearer.each)}: the same rows are needed")
    saved = np.asarray(cheaper.each) - np.asarray(dearer.each)
    sums, sizes = clusters.totals(saved, np.asarray(clusters.labels(cheaper.groups or ("",) * n)))
    picked = np.random.default_rng(seed).integers(0, len(sums), size=(SAMPLES, len(sums)))
    drawn = sums[picked].sum(axis=1) / sizes[picked].sum(axis=1)
    low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(saved.mean()), float(high)


def _answers(extra: float, saving: float) -> float | None:
    return extra / saving if saving > 0 else None


def _told(found: BreakEven, traffic: Traffic) -> BreakEven:
    """With the months that the user's traffic makes of the answers, and in words."""
    monthly = traffic.answers_per_month
    found = replace(
        found,
        months=_months(found.answers, monthly),
        months_lower=_months(found.lower, monthly),
        months_upper=_months(found.upper, monthly),
    )
    if found.answers is None:
        doubt = f" (at the favourable end of the spread, after {found.lower:,.0f} answers)" if found.lower is not None else ""
        said = f"{found.dearer} never pays: it costs more once, and no less for each answer than {found.cheaper}{doubt}"
        return replace(found, sentence=said)
    ends = f"{found.lower:,.0f} to {f'{found.upper:,.0f}' if found.upper is not None else 'never'}"
    months = f", {_rounded(found.months)} months at {monthly:,.0f} answers a month" if found.months is not None else ""
    said = f"{found.dearer} pays against {found.cheaper} after {found.answers:,.0f} answers (80% interval {ends}){months}"
    return replace(found, sentence=said)


def _months(answers: float | None, monthly: float | None) -> float | None:
    return answers / monthly if answers is not None and monthly else None


def _rounded(months: float) -> str:
    return f"{months:,.1f}" if months >= 0.1 else "less than 0.1"


def _per_second(traffic: Traffic) -> float | None:
    return traffic.machine_usd_per_hour / 3600 if traffic.machine_usd_per_hour is not None else None
