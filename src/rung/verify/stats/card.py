"""The sample-size card: what a test split of this size can and cannot prove, before anything is spent.

Figures are for the exact half of a rung's share of alpha (see `sequential`); the e-process half adds a little power, and stops
early.
"""

from __future__ import annotations

import math
from typing import Any

GAPS = (0.02, 0.03, 0.05)
POWER = 0.8
# The share of rows that only one of two candidates gets right, where none was measured: a common size for two decent candidates.
DISCORDANT = 0.2
CLUSTER_CORRELATION = 0.2


def sample_size_card(*, n_test: int, clusters: int, bar: float | None, alpha: float, rungs: int) -> list[dict[str, Any]]:
    """Lines for a reader, each {"text": ..., and the numbers that the text names}.

    n_test, clusters  rows of the test split, and how many independent clusters they make (`clusters.count`)
    bar               the least mean score, or None where the bar compares two candidates
    alpha, rungs      the chance of any wrong pass in the whole climb, and the shares into which it is split
    """
    level = alpha / rungs / 2
    rows, lines = _independent_rows(n_test, clusters)
    lines.append(
        {
            "text": f"each of up to {rungs} candidates at the gate may pass wrongly {alpha / rungs:.2%} of the time, "
            f"so that the whole climb does at most {100 * alpha:.3g}% of the time",
            "alpha": alpha,
            "rungs": rungs,
        }
    )
    if bar is not None and 0 < bar < 1:
        lines += _bar_lines(rows, bar, level)
    gain = smallest_gain(rows, 2 * level)
    lines.append(
        {
            "text": f"a difference between two candidates shows (80% power) from {100 * gain:.1f} points, "
            f"if they disagree on {DISCORDANT:.0%} of the rows",
            "smallest_gain": gain,
            "discordant": DISCORDANT,
        }
    )
    worst = 1 - level ** (1 / rows) if rows else 1.0
    text = f"no failure in {rows:,} rows would prove a failure rate below {worst:.1%}, and no less"
    return [*lines, {"text": text, "zero_failure_rate": worst}]


def _independent_rows(n_test: int, clusters: int) -> tuple[int, list[dict[str, Any]]]:
    if clusters >= n_test:
        return n_test, [{"text": f"{n_test:,} test rows, each on its own", "n_test": n_test, "rows": n_test}]
    rows = max(1, round(n_test / (1 + (n_test / clusters - 1) * CLUSTER_CORRELATION)))
    text = (
        f"{n_test:,} test rows in {clusters:,} groups count as about {rows:,} independent ones "
        f"(at a correlation of {CLUSTER_CORRELATION} within groups)"
    )
    return rows, [{"text": text, "n_test": n_test, "clusters": clusters, "rows": rows}]


def measured_line(n_test: int, effect: float, of: str) -> dict[str, Any]:
    """What rows in groups are worth by a measured `bounds.design_effect`, beside the card's assumption; `of` says whose scores."""
    rows = min(n_test, max(1, round(n_test / max(effect, 1e-9))))
    text = f"measured on dev ({of}): groups make the variance {effect:.2g} times as large; test counts as about {rows:,} rows"
    return {"text": text, "design_effect": effect, "rows": rows}


def _bar_lines(rows: int, bar: float, level: float) -> list[dict[str, Any]]:
    smallest = smallest_gate(bar, level)
    if rows < smallest:
        text = f"too small for its bar: even a perfect candidate needs {smallest:,} test rows to prove {bar:.1%}"
        return [{"text": text, "smallest_gate": smallest}]
    gaps = [gap for gap in GAPS if bar + gap < 1]
    powers = {f"{gap:.2f}": power_to_pass(rows, bar, bar + gap, level) for gap in gaps}
    needs = {f"{gap:.2f}": rows_to_pass(bar, bar + gap, level) for gap in gaps}
    truth = least_truth(rows, bar, level)
    chances = ", ".join(f"{100 * float(gap):.0f} points above it {power:.0%}" for gap, power in powers.items())
    rows_text = ", ".join(f"{100 * float(gap):.0f} points {need:,}" for gap, need in needs.items())
    lines: list[dict[str, Any]] = [
        {
            "text": f"a candidate passes the bar of {bar:.1%} with 80% probability if it is truly {truth:.1%} or better",
            "truth": truth,
        }
    ]
    if gaps:
        lines.append({"text": f"chance to pass for a candidate truly {chances}", "power": powers})
        lines.append(
            {"text": f"test rows needed for an 80% chance, by how far above the bar it is: {rows_text}", "rows_needed": needs}
        )
    return lines


def fewest_right(rows: int, bar: float, level: float) -> int:
    """The fewest right answers whose Clopper-Pearson lower bound is at or above the bar; rows + 1 if none will do."""
    from scipy.stats import binom

    return int(binom.isf(level, rows, bar)) + 1


def power_to_pass(rows: int, bar: float, truth: float, level: float) -> float:
    """The chance that a candidate that is right with probability `truth` passes the exact test on `rows` rows."""
    from scipy.stats import binom

    return float(binom.sf(fewest_right(rows, bar, level) - 1, rows, truth))


def least_truth(rows: int, bar: float, level: float) -> float:
    """The least true mean that passes with 80% power."""
    from scipy.special import betaincinv

    right = fewest_right(rows, bar, level)
    return float(betaincinv(right, rows - right + 1, POWER)) if right <= rows else 1.0


def rows_to_pass(bar: float, truth: float, level: float, power: float = POWER) -> int:
    """The fewest rows, to the next five, on which the exact one-sided test has this power (it rises in a saw-tooth)."""
    import numpy as np
    from scipy.special import ndtri
    from scipy.stats import binom

    spread = float(ndtri(1 - level)) * math.sqrt(bar * (1 - bar)) + float(ndtri(power)) * math.sqrt(truth * (1 - truth))
    about = (spread / (truth - bar)) ** 2
    rows = np.arange(5 * math.ceil(about / 10), 2 * about + 100, 5)
    powers = binom.sf(binom.isf(level, rows, bar), rows, truth)
    return int(rows[np.argmax(powers >= power)])


def smallest_gate(bar: float, level: float) -> int:
    """The fewest rows on which a candidate that is always right proves the bar; raises ValueError unless 0 < bar < 1."""
    if not 0 < bar < 1:
        raise ValueError(f"no number of rows proves a bar of {bar}" if bar >= 1 else f"a bar of {bar} needs no proof")
    return math.ceil(math.log(level) / math.log(bar) - 1e-9)


def smallest_gain(rows: int, alpha: float, discordant: float = DISCORDANT, power: float = POWER) -> float:
    """The least gain that McNemar's two-sided test shows with this power; as a share of the rows."""
    from scipy.special import ndtri

    return (float(ndtri(1 - alpha / 2)) + float(ndtri(power))) * math.sqrt(discordant / max(rows, 1))
