"""The sample-size card: what a test split of this size can and cannot prove, before anything is spent.

Its chances are those of the gate's own bounds (`power`): card and gate are one calculation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rung.verify.stats import power, sequential

GAPS = (0.02, 0.03, 0.05)
# The share of rows that only one of two candidates gets right, where none was measured: a common size for two decent candidates.
DISCORDANT = 0.2


def sample_size_card(
    *, sizes: Sequence[int], bar: float | None, alpha: float, rungs: int, shares: tuple[float, float] | None = None
) -> list[dict[str, Any]]:
    """Lines for a reader, each {"text": ..., and the numbers that the text names}.

    sizes         rows of each of the test split's groups (`clusters.sizes`); all 1 where every row stands alone
    bar           the least mean score, or None where the bar compares two candidates
    alpha, rungs  the chance of any wrong pass in the whole climb, and how many rungs divide it
    shares        what the first has where dev shows it likely to pass, which is what all chances told are of, and what any has
                  where dev shows no hope; None where all have the same
    """
    groups, (share, least) = tuple(sorted(sizes)), shares or (alpha / rungs, alpha / rungs)
    rows, lines = _independent_rows(groups)
    lines.append(_spent(share, least, alpha, rungs))
    if bar is not None and 0 < bar < 1:
        lines += _bar_lines(groups, bar, share)
    gain = smallest_gain(rows, share)
    lines.append(
        {
            "text": f"a difference between two candidates shows (80% power) from {100 * gain:.1f} points, "
            f"if they disagree on {DISCORDANT:.0%} of the rows",
            "smallest_gain": gain,
            "discordant": DISCORDANT,
        }
    )
    worst = 1 - power.best_proven(groups, share)
    text = f"no failure in {sum(groups):,} rows would prove a failure rate below {worst:.1%}, and no less"
    return [*lines, {"text": text, "zero_failure_rate": worst}]


def _spent(share: float, least: float, alpha: float, rungs: int) -> dict[str, Any]:
    """What a candidate at the gate may spend."""
    each = f"each of up to {rungs} candidates at the gate may pass wrongly {share:.2%} of the time"
    if share != least:
        each = (
            f"the first candidate that dev shows likely to pass may do so wrongly {share:.2%} of the time (as told below), one "
            f"that dev shows hopeless {least:.2%}, and the rest of up to {rungs} what is left"
        )
    text = f"{each}, so that the whole climb does at most {100 * alpha:.3g}% of the time"
    return {"text": text, "alpha": alpha, "rungs": rungs, "share": share, "least": least}


def _independent_rows(sizes: Sequence[int]) -> tuple[int, list[dict[str, Any]]]:
    n_test = sum(sizes)
    if power.alone(sizes):
        return n_test, [{"text": f"{n_test:,} test rows, each on its own", "n_test": n_test, "rows": n_test}]
    rows = max(1, round(n_test / power.effect_of_groups(sizes)))
    text = (
        f"{n_test:,} test rows in {len(sizes):,} groups count as about {rows:,} independent ones "
        f"(at a correlation of {power.CLUSTER_CORRELATION} within groups, which all chances below assume)"
    )
    return rows, [{"text": text, "n_test": n_test, "clusters": len(sizes), "rows": rows}]


def measured_line(n_test: int, effect: float, of: str) -> dict[str, Any]:
    """What rows in groups are worth by a measured `bounds.design_effect`, beside the card's assumption; `of` says whose scores."""
    rows = min(n_test, max(1, round(n_test / max(effect, 1e-9))))
    text = f"measured on dev ({of}): groups make the variance {effect:.2g} times as large; test counts as about {rows:,} rows"
    return {"text": text, "design_effect": effect, "rows": rows}


def _bar_lines(sizes: tuple[int, ...], bar: float, alpha: float) -> list[dict[str, Any]]:
    if not power.perfect_passes(sizes, alpha, bar):
        return [_too_small(sizes, bar, alpha)]
    gaps = [gap for gap in GAPS if bar + gap < 1]
    powers = {f"{gap:.2f}": power.power(sizes, alpha, bar, bar + gap) for gap in gaps}
    needs = {f"{gap:.2f}": _rows_needed(sizes, alpha, bar, bar + gap) for gap in gaps}
    truth = power.least_truth(sizes, alpha, bar)
    chances = ", ".join(f"{100 * float(gap):.0f} points above it {chance:.0%}" for gap, chance in powers.items())
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
        lines += _looked_at(sizes, bar, alpha, gaps)
    return lines


def _looked_at(sizes: tuple[int, ...], bar: float, alpha: float, gaps: Sequence[float]) -> list[dict[str, Any]]:
    """Rows looked at before the gate stops, on average; known where rows stand alone."""
    if not power.alone(sizes):
        return []
    rows = {f"{gap:.2f}": round(power.operating(len(sizes), alpha, bar, bar + gap).rows) for gap in gaps}
    told = ", ".join(f"{100 * float(gap):.0f} points {count:,}" for gap, count in rows.items())
    return [{"text": f"rows looked at before the gate stops, on average, by how far above the bar it is: {told}", "looks": rows}]


def _too_small(sizes: tuple[int, ...], bar: float, alpha: float) -> dict[str, Any]:
    if not power.alone(sizes):
        text = (
            f"too small for its bar: even a perfect candidate cannot prove {bar:.1%} on groups of these sizes "
            "(data.most_per_group caps large ones)"
        )
        return {"text": text, "best_proven": power.best_proven(sizes, alpha)}
    smallest = power.fewest_rows(alpha, bar, len(sizes))
    return {
        "text": f"too small for its bar: even a perfect candidate needs {smallest:,} test rows to prove {bar:.1%}",
        "smallest_gate": smallest,
    }


def _rows_needed(sizes: tuple[int, ...], alpha: float, bar: float, truth: float) -> int:
    return power.rows_to_pass(alpha, bar, truth) if power.alone(sizes) else power.rows_in_groups(sizes, alpha, bar, truth)


def gain_to_pass(rows: float, alpha: float) -> float:
    """How far above its line a comparison is truly, in shares of the rows, where it passes with 80% power by all rows together."""
    from scipy.special import ndtri

    errors = float(ndtri(1 - alpha * sequential.AT_END)) + float(ndtri(power.POWER))
    return errors * math.sqrt(DISCORDANT / max(rows, 1.0))


def smallest_gain(rows: int, alpha: float, discordant: float = DISCORDANT, power: float = 0.8) -> float:
    """The least gain that McNemar's two-sided test shows with this power; as a share of the rows."""
    from scipy.special import ndtri

    return (float(ndtri(1 - alpha / 2)) + float(ndtri(power))) * math.sqrt(discordant / max(rows, 1))
