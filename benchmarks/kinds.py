"""Bars that come down to a mean over rows: how often a candidate on the line passes, and what the card says. See simulations.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom
from statistics_page import table

from rung.types import Bar, Example, Task
from rung.verify.alpha import AlphaPlan
from rung.verify.metrics import ANSWERED, MICRO_F1, ONE_F1, SHARE
from rung.verify.split_size import card
from rung.verify.stats import boundaries, eprocess, power
from rung.verify.stats.linear import ON_THE_LINE, Linear
from rung.verify.stats.sequential import AT_END, AT_LOOKS

KINDS = {
    "recall, slices": Linear(corners=SHARE),
    "upper bar": Linear(corners=SHARE, most=True),
    "precision": Linear(corners=ANSWERED),
    "F1": Linear(corners=ONE_F1),
    "micro-F1": Linear(corners=MICRO_F1),
    "cost": Linear(corners=((0.0, 1.0), (20.0, 1.0)), most=True),
    "Brier": Linear(corners=SHARE, most=True),
    "pass@3": Linear(corners=SHARE),
}
# Spam in a fifth of the rows, 80% of it caught, 5% of the ham taken for it. The right label's chance is uniform.
TRUTH = {
    "recall, slices": 0.92,
    "upper bar": 0.08,
    "precision": 0.8,
    "F1": 0.8,
    "micro-F1": 0.92,
    "cost": 0.04 + 20 * 0.04,
    "Brier": 1 / 3,
    "pass@3": 3 / 4,
}
SIZES = {
    "300 rows alone": (1,) * 300,
    "100 groups of 1 to 8": tuple(np.resize([1, 2, 4, 8], 100)),
    "40 of 1, 8 of 25": (1,) * 40 + (25,) * 8,
}
SAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Samples of rows: what each gives, (samples, rows), and the sizes of their groups, whose rows stand together."""

    top: np.ndarray
    bottom: np.ndarray
    sizes: tuple[int, ...]


def passes(linear: Linear, rows: Rows, line: float, alpha: float) -> np.ndarray:
    """Which samples pass, by the gate's bets and its bound on all rows, futility aside; exact looks where rows alone allow them."""
    given = np.stack([rows.top, rows.bottom], axis=-1).reshape(-1, 2)
    kinds, which = np.unique(given, axis=0, return_inverse=True)
    of_kind, bar = linear.scores([(float(top), float(bottom)) for top, bottom in kinds], line)
    scores = np.array(of_kind, float)[which.reshape(-1)].reshape(rows.top.shape)
    alone = max(rows.sizes) == 1
    certain = np.isin(scores, (0.0, 1.0))
    if alone and linear.is_mean and certain.all():
        fewest = boundaries.fewest_right(scores.shape[1], alpha, boundaries.tick_above(bar, scores.shape[1]))
        counts = scores.cumsum(axis=1)[:, np.array(boundaries.looks(scores.shape[1])) - 1]
        return np.asarray((counts >= np.array(fewest)).any(axis=1))
    telling = np.abs(scores - bar) > ON_THE_LINE
    if alone and not linear.is_mean and certain[telling].all():
        right, n = (scores * telling).sum(axis=1), telling.sum(axis=1)
        won = (binom.sf(right - 1, n, bar) <= alpha * AT_END) & (n > 0)
        return np.asarray(won | (eprocess.Wealth(bar=bar).after(scores).peak >= -math.log(alpha * AT_LOOKS)))
    starts = np.cumsum((0, *rows.sizes[:-1]))
    sums = np.add.reduceat(scores, starts, axis=1)
    return power.passes(sums, np.tile(np.array(rows.sizes), (len(sums), 1)), alpha, bar)


def together(rng: np.random.Generator, sizes: tuple[int, ...], samples: int) -> np.ndarray:
    """Uniform figures, (samples, rows); half of the rows of a group have the group's own."""
    of, n = np.repeat(np.arange(len(sizes)), sizes), sum(sizes)
    own, shared = rng.random((samples, n)), rng.random((samples, len(sizes)))[:, of]
    return np.where(rng.random((samples, n)) < (0.5 if max(sizes) > 1 else 0.0), shared, own)


def drawn(kind: str, sizes: tuple[int, ...], samples: int, rng: np.random.Generator) -> Rows:
    """A candidate that stands exactly on the line of TRUTH."""
    luck = together(rng, sizes, samples)
    if kind in ("Brier", "pass@3"):
        top = (1 - luck) ** 2 if kind == "Brier" else 1 - (1 - luck) ** 3
        return Rows(top=top, bottom=np.ones_like(top), sizes=sizes)
    spam = together(rng, sizes, samples) < 0.2
    said = np.where(spam, luck < 0.8, luck < 0.05)
    right, ones = spam == said, np.ones(spam.shape)
    top, bottom = {
        "recall, slices": (right, ones),
        "upper bar": (~right, ones),
        "precision": (spam & said, said),
        "F1": (2 * (spam & said), spam.astype(int) + said),
        "micro-F1": (2 * right, 2 * ones),
        "cost": (np.where(spam & ~said, 1, np.where(~spam & said, 20, 0)), ones),
    }[kind]
    return Rows(top=np.asarray(top, float), bottom=np.asarray(bottom, float), sizes=sizes)


def null() -> str:
    """How often a candidate exactly on the line passes, alpha 5%, and of a share of it, 1.25%."""
    rng, rows = np.random.default_rng(6), []
    for kind, linear in KINDS.items():
        found = []
        for sizes in SIZES.values():
            sample = drawn(kind, sizes, SAMPLES, rng)
            found.append(" / ".join(f"{passes(linear, sample, TRUTH[kind], alpha).mean():.2%}" for alpha in (0.05, 0.0125)))
        rows.append([kind, *found])
    return table(["bar", *SIZES], rows)


CHOICE = {"scorer": "choice", "config": {"choices": ("ham", "spam")}}
BARS: dict[str, dict[str, Any]] = {
    "recall, slices": {"at_least": 0.8, "where": {"target": "spam"}},
    "precision": {"at_least": 0.8, "where": {"answer": "spam"}},
    "F1": {"at_least": 0.8, "metric": "f1", "of": "spam"},
    "micro-F1": {"at_least": 0.85, "metric": "micro_f1"},
    "upper bar": {"at_most": 0.2},
    "cost": {"at_most": 2.5, "cost": {"spam->ham": 1.0, "ham->spam": 20.0}},
}
CARD_SIZES = {
    "600 rows alone": (1,) * 600,
    "150 groups of 1 to 8": tuple(np.resize([1, 2, 4, 8], 150)),
    "60 of 1, 60 of 12": (1,) * 60 + (12,) * 60,
}


def carded(kind: str, sizes: tuple[int, ...]) -> float | None:
    """The truth that the card says passes with 80% probability, of a test split in which every third row is spam."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    examples = tuple(
        Example(
            id=f"{n}",
            messages=({"role": "user", "content": f"{n}"},),
            target=("ham", "spam")[n % 3 == 0],
            group=f"g{g}",
            split="test",
        )
        for n, g in enumerate(of)
    )
    bar = Bar(**CHOICE, **BARS[kind], name="quality")
    task = Task(name="t", base="b", instruction="", examples=examples, quality=bar, alpha=0.0125)
    truth: float | None = card(task, AlphaPlan(number=1, alpha=task.alpha, rungs=("one",)))[-1].get("truth")
    return truth


def simulated(kind: str, sizes: tuple[int, ...], truth: float, samples: int) -> float:
    """The share of candidates at this truth that pass; errors are the worst that a row can give, and correlate within groups."""
    linear, bar = KINDS[kind], BARS[kind]
    of = np.repeat(np.arange(len(sizes)), sizes)
    spam = np.arange(len(of)) % 3 == 0
    about = spam if kind in ("recall, slices", "precision", "F1") else np.ones(len(of), bool)
    right = next(
        r / 1000 for r in range(1001) if (linear.whole_at(r / 1000) <= truth if linear.most else linear.whole_at(r / 1000) >= truth)
    )
    held = correlated(np.random.default_rng(9), of, right, samples)
    best = max(linear.corners, key=linear._goodness)
    worst = min((corner for corner in linear.corners if corner[1]), key=lambda corner: (linear._goodness(corner), -corner[1]))
    top, bottom = (np.where(held, best[place], worst[place]) * about for place in (0, 1))
    if kind == "recall, slices":
        top, bottom, of = top[:, about], bottom[:, about], of[about]
    rows = Rows(top=top, bottom=bottom, sizes=tuple(int(n) for n in np.unique(of, return_counts=True)[1]))
    line = bar.get("at_most", bar.get("at_least", 0.0))
    return float(passes(linear, rows, float(line), 0.0125).mean())


def correlated(rng: np.random.Generator, of: np.ndarray, mean: float, samples: int) -> np.ndarray:
    """Whether each row is right, (samples, rows); rows of a group correlate as the card assumes."""
    if len(np.unique(of)) == len(of):
        return rng.random((samples, len(of))) < mean
    apart = (1 - power.CLUSTER_CORRELATION) / power.CLUSTER_CORRELATION
    rates = rng.beta(mean * apart, max((1 - mean) * apart, 1e-9), (samples, int(of.max()) + 1))
    return rng.random((samples, len(of))) < rates[:, of]


def cards() -> str:
    """Where the card says that a candidate passes with 80% probability, and how often it does; at a share of 1.25%."""
    rows = []
    for kind in BARS:
        for name, sizes in CARD_SIZES.items():
            truth = carded(kind, sizes)
            share = "too small" if truth is None else f"{simulated(kind, sizes, truth, SAMPLES):.0%}"
            rows.append([kind, name, "none" if truth is None else f"{truth:.3f}", share])
    return table(["bar", "test split", "the card's candidate", "passes"], rows)
