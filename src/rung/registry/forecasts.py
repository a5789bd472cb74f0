"""The part of a climb document that looks ahead: what more labels, and more answers, would bring. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["usd", "seconds"]


@dataclass(frozen=True, kw_only=True)
class MoreLabels:
    """What more test labels would do for a rung whose quality bar is left open.

    needed  about how many more would decide it at `alpha`, what it could spend, with 80% power were its estimate the truth; None
            where no number is expected to, or none is foretold
    equal   the same at `equal_alpha`, what it could spend where all rungs have equal shares: 0 where the rows that there were
            would probably have been enough
    said    the same in words, or why it is none
    """

    alpha: float
    needed: int | None
    equal_alpha: float
    equal: int | None
    said: str


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """The mean score on dev after training on so many rows."""

    rows: int
    mean: float


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The score that is expected after training on so many rows, with the curve's interval."""

    rows: int
    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """The same for `times` as many rows as there are."""

    times: int
    rows: int
    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class LabelsNeeded:
    """Train rows in all until the curve's upper end, middle, lower end reach the bar; None where not within `farthest` rows."""

    bar: float
    fewest: int | None
    likely: int | None
    most: int | None
    farthest: int
    futile: bool


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """A rung's score on n dev rows over the rows it learns from, with an interval of `level`; `missing` rows had no score."""

    rung: str
    title: str
    n: int
    clusters: int
    missing: int
    level: float
    points: tuple[CurvePoint, ...]
    ahead: tuple[Ahead, ...]
    band: tuple[Expected, ...]
    bar: float | None
    labels: LabelsNeeded | None
    doubt: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class TrafficGiven:
    """What the task file says of the use to come; None where it does not."""

    answers_per_month: float | None
    machine_usd_per_hour: float | None
    label_usd: float | None


@dataclass(frozen=True, kw_only=True)
class RungCost:
    """What a rung costs once and for each answer, in the unit of its Costs; `unknown` says why that cannot be told."""

    rung: str
    once: float | None
    per_answer: float | None
    labels: int
    making_s: float
    prompt_tokens: float | None
    cached_share: float | None
    completion_tokens: float | None
    unknown: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """From how many answers on `dearer`, which costs more once, is cheaper in all than `cheaper`; the ends are an 80% interval."""

    cheaper: str
    dearer: str
    unit: Unit
    outcome: Literal["at once", "after", "never", "unknown"]
    answers: float | None
    lower: float | None
    upper: float | None
    months: float | None
    months_lower: float | None
    months_upper: float | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the rungs cost, and where each pair of them breaks even."""

    unit: Unit
    traffic: TrafficGiven
    rungs: tuple[RungCost, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The learning curves that were drawn, and the costs of two measured rungs or more."""

    curves: tuple[LearningCurve, ...]
    breakeven: Costs | None
