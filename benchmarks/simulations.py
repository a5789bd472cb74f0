"""The gate's statistics, by simulation and exactly: writes the tables of docs/statistics.md, or checks them.

    python benchmarks/simulations.py [--check] [--only NAME ...]

Everything is seeded. A few minutes. The table of metrics of the whole is written by bars.py.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator

import kinds
import numpy as np
import splits
from scipy.special import betaincinv, ndtri, stdtrit
from scipy.stats import binom
from statistics_page import PAGE, table, with_table

from rung.verify.stats import boundaries, eprocess, gaffke, power, sequential
from rung.verify.stats.gate import Claim
from rung.verify.stats.paired import look_paired

SAMPLES = 1000
SHAPES = {
    "60 groups of 10": (10,) * 60,
    "60 groups of 1 to 50": tuple(np.resize(np.arange(1, 51), 60)),
    "200 groups of 1 to 29": tuple(np.resize(np.arange(1, 30), 200)),
    "10 of 40 and 100 alone": (40,) * 10 + (1,) * 100,
    "1 of 100 and 300 alone": (100,) + (1,) * 300,
    "20 groups of 1 to 39": tuple(np.arange(1, 40, 2)),
    "150 with heavy tails": tuple(np.minimum(1 + np.random.default_rng(3).pareto(1.1, 150), 120).astype(int)),
}
PARTED = ("60 groups of 10", "60 groups of 1 to 50", "200 groups of 1 to 29")
EXPONENTS = {"plain mean": 0, "by size": 1, "by its square": 2, "by its cube (used)": 3}


def before_alone(n: int, alpha: float, bar: float, truth: float) -> tuple[float, float]:
    """Power and mean rows, without futility, of half of alpha for an e-process and half for the exact test on all rows."""
    rng = np.random.default_rng(0)
    right = rng.random((SAMPLES, n)) < truth
    ends = np.array(boundaries.looks(n))
    stops = []
    for scores, line in ((right, bar), (~right, 1 - bar)):
        stake, reached = eprocess.Wealth(bar=line), []
        for start, end in zip((0, *ends[:-1]), ends, strict=True):
            stake = stake.after(scores[:, start:end].astype(float))
            reached.append(stake.peak >= math.log(2 / alpha))
        seen = np.array(reached)
        stops.append(np.where(seen.any(axis=0), seen.argmax(axis=0), len(ends)))
    last = right.sum(axis=1) > binom.isf(alpha / 2, n, bar)
    passed = np.where(np.minimum(*stops) < len(ends), stops[0] < stops[1], last)
    return float(passed.mean()), float(np.append(ends, n)[np.minimum(*stops)].mean())


def alone() -> str:
    """Independent rows, before and after."""
    rows = []
    for n, bar, truths in ((300, 0.8, (0.86, 0.9, 0.95)), (1200, 0.8, (0.82, 0.84, 0.86, 0.9, 0.95, 0.6)), (1200, 0.83, (0.86,))):
        for truth in truths:
            was, was_rows = before_alone(n, 0.0125, bar, truth)
            now = boundaries.operating(n, 0.0125, bar, truth)
            full = power.operating(n, 0.0125, bar, truth)
            found = ((was, was_rows), (now.passes, now.rows), (full.passes, full.rows))
            rows.append(
                [f"{n:,}", f"{bar}", f"{truth}", *(text for chance, seen in found for text in (f"{chance:.1%}", f"{seen:,.0f}"))]
            )
    heads = ["rows", "bar", "truth", "power before", "looked at", "power now", "looked at", "with futility", "looked at"]
    return table(heads, rows)


def before_grouped(sums: np.ndarray, sizes: np.ndarray, level: float) -> np.ndarray:
    """Lower bounds by Clopper and Pearson at the effective number of rows, two imagined clusters in its variance."""
    n, count = sizes.sum(), sizes.shape[-1]
    imagined = 2.0 * (sizes**2).sum() / n
    mean = sums.sum(axis=1) / n
    middle = (sums.sum(axis=1) + imagined) / (n + 2 * imagined)
    spread = ((sums - sizes * mean[:, None]) ** 2).sum(axis=1) + (imagined * (1 - middle)) ** 2 + (imagined * middle) ** 2
    few = (float(ndtri(1 - level)) / float(stdtrit(count - 1, 1 - level))) ** 2
    rows = np.clip(middle * (1 - middle) / (spread / n**2 * count / (count - 1)) * few, 1.0, n)
    return np.asarray(betaincinv(np.maximum(mean * rows, 1e-9), rows - mean * rows + 1, level))


def grouped() -> str:
    """Rows in groups: what the card says, and the bounds of before and now at the full number of rows, at half of a share."""
    rows, alpha, correlation = [], 0.025, power.CLUSTER_CORRELATION
    for name, shape in SHAPES.items():
        sizes = np.array(shape)
        for bar, truth in ((0.5, 0.65), (0.8, 0.9)):
            sums = power.drawn(np.random.default_rng(1), np.tile(sizes, (SAMPLES, 1)), truth, correlation)
            was = (before_grouped(sums, sizes, alpha / 2) >= bar).mean()
            now = (gaffke_p(sums, sizes, bar) <= alpha * sequential.AT_END).mean()
            gate = power.passes(sums, np.tile(sizes, (SAMPLES, 1)), alpha, bar).mean()
            card = power.power(tuple(int(size) for size in shape), alpha, bar, truth)
            rows.append([name, f"{bar}", f"{truth}", f"{was:.0%}", f"{now:.0%}", f"{gate:.0%}", f"{card:.0%}"])
    return table(["groups", "bar", "truth", "bound before", "bound now", "whole gate", "the card says"], rows)


def parts() -> str:
    """Groups and partial credit: what of alpha bets have before all rows are in, by the power and by the rows looked at."""
    rows, alpha, tried = [], 0.0125, (0.5, sequential.AT_LOOKS, 0.05)
    cases = [(name, SHAPES[name], bar, truth) for name in PARTED for bar, truth in ((0.5, 0.65), (0.8, 0.9), (0.8, 0.95))]
    for name, shape, bar, truth in cases:
        order = np.random.default_rng(1).permuted(np.tile(np.array(shape), (400, 1)), axis=1)
        sums = power.drawn(np.random.default_rng(2), order, truth, power.CLUSTER_CORRELATION)
        p, stakes, seen = gaffke_p(sums, np.array(shape), bar, order), stakes_of(sums, order, bar), np.cumsum(order, axis=1)
        row = [name, f"{bar}", f"{truth}"]
        for part in tried:
            hit = stakes >= -math.log(alpha * part)
            stop = np.where(hit.any(axis=1), seen[np.arange(len(seen)), hit.argmax(axis=1)], seen[:, -1])
            won = hit.any(axis=1) | (p <= alpha * (1 - part))
            row += [f"{won.mean():.0%}", f"{stop.mean() / seen[0, -1]:.0%}"]
        rows.append(row)
    heads = [text for part in tried for text in (f"power with {part:g} for bets", "rows looked at")]
    return table(["groups", "bar", "truth", *heads], rows)


def stakes_of(sums: np.ndarray, sizes: np.ndarray, bar: float) -> np.ndarray:
    """The log stake of the e-process after each cluster: (samples, clusters)."""
    edges = (sums / bar - sizes) / sizes.max()
    logs = np.cumsum(np.log1p(edges[..., None] * np.array(eprocess.SHARES)), axis=1)
    largest = logs.max(axis=-1)
    found: np.ndarray = largest + np.log(np.exp(logs - largest[..., None]).mean(axis=-1))
    return found


def gaffke_p(sums: np.ndarray, sizes: np.ndarray, mean: float, order: np.ndarray | None = None, exponent: int = 3) -> np.ndarray:
    """Gaffke's p-values with the imagined cluster of a weight of one's choice; `order` are the samples' sizes, if they differ."""
    real = sizes.astype(float)
    imagined = (real ** (exponent + 1)).sum() / (real**exponent).sum()
    excess = np.concatenate([sums - mean * (sizes if order is None else order), np.full((len(sums), 1), -mean * imagined)], axis=1)
    return gaffke.approximate_p_values(excess)


def nulls(sizes: np.ndarray, mean: float) -> Iterator[np.ndarray]:
    """Rates of groups whose mean over rows is `mean`: alike, the larger the worse as far as that goes, halfway, in proportion."""
    real, loss = sizes.astype(float), (1 - mean) * sizes.sum()
    yield np.full(len(sizes), mean)
    most = bisected(lambda cut: np.maximum(0, real - cut).sum() < loss, real.max())
    yield np.minimum(1, most / real)
    yield (np.minimum(1, most / real) + mean) / 2
    slope = bisected(lambda rate: (real * np.minimum(1, rate * real)).sum() > loss, 1.0)
    yield 1 - np.minimum(1, slope * real)


def bisected(enough: Callable[[float], bool], high: float) -> float:
    """Where `enough` becomes true, between 0 and `high`."""
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def null_grid() -> str:
    """How often Gaffke's test is wrong, over its level, in the worst cell of each shape; rows of a group all right or all wrong."""
    rng, samples, rows = np.random.default_rng(2), 6000, []
    for name, shape in SHAPES.items():
        sizes, worst = np.array(shape), dict.fromkeys(EXPONENTS, 0.0)
        for mean in (0.5, 0.8, 0.9):
            for rates in nulls(sizes, mean):
                sums = sizes * (rng.random((samples, len(sizes))) < rates)
                for label, exponent in EXPONENTS.items():
                    found = gaffke_p(sums, sizes, mean, exponent=exponent)
                    worst[label] = max(worst[label], *((found <= level).mean() / level for level in (0.05, 0.0125)))
        rows.append([name, *(f"{ratio:.2f}" for ratio in worst.values())])
    return table(["groups", *EXPONENTS], rows)


def false_passes() -> str:
    """How often a candidate exactly at the bar passes, for every kind of decision; alpha 5%."""
    rng, alpha, rows = np.random.default_rng(3), 0.05, []
    for n, bar in ((300, 0.8), (1200, 0.95), (5000, 0.9)):
        found = boundaries.operating(n, alpha, bar, bar)
        rows.append(["independent, 0 or 1", f"{n:,} rows, bar {bar}", "exact", f"{found.passes:.2%}", f"{found.fails:.2%}"])
    for name in ("60 groups of 10", "60 groups of 1 to 50", "150 with heavy tails"):
        sizes = np.tile(np.array(SHAPES[name]), (2 * SAMPLES, 1))
        sums = power.drawn(rng, sizes, 0.8, 0.3)
        sides = [power.passes(part, sizes, alpha, bar).mean() for part, bar in ((sums, 0.8), (sizes - sums, 0.2))]
        rows.append(["in groups", f"{name}, bar 0.8, correlation .3", f"{2 * SAMPLES:,}", *(f"{side:.2%}" for side in sides)])
    shape = (2 * SAMPLES, 200)
    for label, mean, scores in (("mostly right", 0.8, rng.beta(4, 1, shape)), ("thirds", 0.5, rng.integers(0, 4, shape) / 3)):
        ones = np.ones(shape, int)
        sides = [power.passes(part, ones, alpha, bar).mean() for part, bar in ((scores, mean), (1 - scores, 1 - mean))]
        rows.append(["partial credit", f"200 rows, {label}", f"{2 * SAMPLES:,}", *(f"{side:.2%}" for side in sides)])
    for delta in (0.0, -0.05):
        sides = paired_sides(rng, delta, alpha)
        rows.append(["paired", f"150 rows, margin {delta:+.2f}, 20% discordant", "300", *(f"{side:.2%}" for side in sides)])
    return table(["decision", "case", "samples", "passes wrongly", "fails wrongly"], rows)


def paired_sides(rng: np.random.Generator, delta: float, alpha: float) -> tuple[float, float]:
    """Shares of whole gates that pass and that fail where the difference is exactly at the margin."""
    statuses = []
    for _ in range(300):
        draw = rng.random(150)
        won, lost = draw < (0.2 + delta) / 2, draw > 1 - (0.2 - delta) / 2
        mine, other = np.where(lost, 0.0, 1.0), np.where(won, 0.0, 1.0)
        looked = (look_paired(mine[:end], other[:end], Claim(groups=[""] * 150, bar=delta, alpha=alpha)) for end in (48, 96, 150))
        statuses.append(next(verdict for verdict in looked if verdict is not None).status)
    return statuses.count("pass") / 300, statuses.count("fail") / 300


TABLES: dict[str, Callable[[], str]] = {
    "alone": alone,
    "grouped": grouped,
    "parts": parts,
    "capped": splits.capped,
    "null grid": null_grid,
    "false passes": false_passes,
    "kinds": kinds.null,
    "cards": kinds.cards,
    "ledger": splits.ledger,
    "placed": splits.placed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="say whether the page is as it would be written, and write nothing")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    chosen = parser.parse_args()
    check, was = chosen.check, PAGE.read_text("utf-8")
    page = was
    for name in chosen.only:
        page = with_table(page, name, TABLES[name]())
        print(f"{name}: done", flush=True)
    if check:
        sys.exit(None if page == was else "docs/statistics.md is not what benchmarks/simulations.py writes")
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
