"""What a bar's `metric` makes of rows, by name. Each is the field's own (scikit-learn, scipy), and is tested against it.

A `linear` one comes down to a mean over rows (`stats.linear`) and is looked at row by row; a `whole` one is taken once, when all
rows are in (`stats.whole`). The label of an answer is what its scorer read it as; one read as none is wrong for every class.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rung.types import Answer, Bar, Example, Score
from rung.verify.scoring import BoundScorer, bind
from rung.verify.stats.linear import Linear, Part

Needs = Literal["classes", "one class", "numbers", "probabilities"]

SHARE = ((0.0, 1.0), (1.0, 1.0))
ANSWERED = ((0.0, 0.0), *SHARE)
ONE_F1 = ((0.0, 0.0), (0.0, 1.0), (2.0, 2.0))
OF_SETS = "micro_f1"  # the one metric of all labels that sets of them have
MICRO_F1 = ((0.0, 1.0), (0.0, 2.0), (2.0, 2.0))


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a metric needs to know, the extremes of what a row can give (none: taken of the whole), and whether less is better."""

    needs: Needs
    corners: tuple[Part, ...] = ()
    most: bool = False


METRICS: Mapping[str, Metric] = {
    "recall": Metric(needs="one class", corners=SHARE),
    "precision": Metric(needs="one class", corners=ANSWERED),
    "f1": Metric(needs="one class", corners=ONE_F1),
    "micro_f1": Metric(needs="classes", corners=MICRO_F1),
    "macro_f1": Metric(needs="classes"),
    "balanced_accuracy": Metric(needs="classes"),
    "matthews": Metric(needs="classes"),
    "spearman": Metric(needs="numbers"),
    "brier": Metric(needs="probabilities", corners=SHARE, most=True),
    "ece": Metric(needs="probabilities", most=True),
    "pass_at_k": Metric(needs="probabilities", corners=SHARE),
}


def linear_of(bar: Bar) -> Linear | None:
    """How a bar comes down to a mean over rows; None for a metric that is taken of the whole."""
    if bar.cost:
        return Linear(corners=((0.0, 1.0), (largest_cost(bar), 1.0)), most=True)
    if bar.metric:
        metric = METRICS[bar.metric]
        if bar.metric == OF_SETS and (scorer := bind(bar)).several:
            most = float(scorer.most_labels)
            return Linear(corners=((0.0, 0.0), (0.0, most + 1), (2 * most, 2 * most)), uneven=True)
        return Linear(corners=metric.corners, most=metric.most) if metric.corners else None
    return Linear(corners=ANSWERED if "answer" in bar.where else SHARE, most=bar.at_most is not None)


def largest_cost(bar: Bar) -> float:
    """What the dearest error costs."""
    return max(bar.cost.values())


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A row with its answer: the labels of both, None where there is none, and the scorer's word.

    meant, named  of sets of labels: those of the target and of the answer, "" for what is none
    """

    example: Example
    answer: Answer
    target: str | None
    label: str | None
    score: Score
    meant: frozenset[str] | None = None
    named: frozenset[str] = frozenset()


def part_of(bar: Bar, scorer: BoundScorer | None, row: Answered) -> Part | None:
    """What a row gives to a linear metric or a cost, as (top, bottom); None where it is not known. Chances need the scorer."""
    if scorer and bar.metric and METRICS[bar.metric].needs == "probabilities":
        chances = probabilities(scorer, row)
        return None if chances is None or row.target is None else (_weighed(bar, chances, row.target), 1.0)
    if row.score.value is None:
        return None
    return (cost_of(bar, row), 1.0) if bar.cost else _counted(bar, row)


def _weighed(bar: Bar, chances: Mapping[str, float], target: str) -> float:
    """Brier's score, or the chance of a right one among k samples: 1 - (1 - p)^k for the probability p of the right label."""
    return brier(chances, target) if bar.metric == "brier" else 1 - (1 - chances.get(target, 0.0)) ** bar.k


def _counted(bar: Bar, row: Answered) -> Part:
    if row.meant is not None and bar.metric == OF_SETS:
        return 2.0 * len(row.meant & row.named), float(len(row.meant) + len(row.named))
    meant, so = row.target == bar.of, row.label == bar.of
    if bar.metric == "recall":
        return float(so), 1.0
    if bar.metric == "precision":
        return (float(meant), 1.0) if so else (0.0, 0.0)
    if bar.metric == "f1":
        return (2.0, 2.0) if meant and so else (0.0, float(meant or so))
    return (2.0, 2.0) if row.target == row.label else (0.0, 1.0 if row.label is None else 2.0)


def cost_of(bar: Bar, row: Answered) -> float:
    """What a row's answer costs: nothing where it is right, else what the task file says, else as much as the dearest error.

    `spam->ham` goes before `spam->*`, that before `*->ham`. An answer that was read as no label is `none`.
    """
    if row.label is not None and row.label == row.target:
        return 0.0
    target, label = row.target or NONE, row.label or NONE
    ways = (f"{target}->{label}", f"{target}->*", f"*->{label}", "*->*")
    return next((bar.cost[way] for way in ways if way in bar.cost), largest_cost(bar))


NONE = "none"


def probabilities(scorer: BoundScorer, row: Answered) -> dict[str, float] | None:
    """The chance that the model gave each label, over all that it weighed; None where it did not say."""
    if not row.answer.logprobs:
        return None
    top = max(row.answer.logprobs.values())
    weights: dict[str, float] = {}
    for choice, logprob in row.answer.logprobs.items():
        label = scorer.label(row.example, choice) or choice
        weights[label] = weights.get(label, 0.0) + math.exp(logprob - top)
    whole = sum(weights.values())
    return {label: weight / whole for label, weight in weights.items()}


def brier(chances: Mapping[str, float], target: str) -> float:
    """Half the squared distance from the right answer's certainty, within 0 and 1 (Brier, 1950; halved, as is usual for two)."""
    known = {**chances, target: chances.get(target, 0.0)}
    return sum((chance - (label == target)) ** 2 for label, chance in known.items()) / 2
