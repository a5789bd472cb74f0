"""Bars that are not the mean of a score over rows, but come down to one: recall, precision, F1, costs, Brier.

Each row gives two figures, `top` and `bottom`, and the bar is on sum(top) / sum(bottom). To hold it against a line f is to hold the
mean of top - f * bottom against 0: a mean over all rows of something bounded, which the sequential test carries (`gate.look`).

    a mean, a recall    bottom is 1, over rows that are fixed before any answer is seen
    precision           top: answered so and right, bottom: answered so
    F1                  top: 2 TP, bottom: 2 TP + FP + FN
    an expected cost    top: what the row costs, bottom is 1

A row with top = bottom = 0 stands on the line whatever that is, and says nothing. Where the others are all right or all wrong and
every row is alone, they are Bernoulli given how many they are: Clopper and Pearson's bound on them is exact at the full number of
rows. For F1 it is one on TP / (TP + FP + FN), of which F1 is a rising function. Bounds are found by asking of other lines what was
asked of the bar's own, so that what is shown is what decided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rung.types import Verdict
from rung.verify.stats import bounds, gate

Part = tuple[float, float]
EXACT = "exact (Clopper-Pearson on its own rows)"
STEPS = 14
ON_THE_LINE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Linear:
    """What a row can give: every extreme (top, bottom). `most` says that the bar is an upper one: the less, the better.

    uneven  right rows give different amounts, so that the power of a bar is not known beforehand
    """

    corners: tuple[Part, ...]
    most: bool = False
    uneven: bool = False

    @property
    def is_mean(self) -> bool:
        """Whether every row counts alike, so that bounds need no search."""
        return all(bottom == 1 for _, bottom in self.corners)

    @property
    def span(self) -> tuple[float, float]:
        """The least and the largest that the whole can come to."""
        shares = [top / bottom for top, bottom in self.corners if bottom]
        return min(shares), max(shares)

    def scores(self, parts: Sequence[Part | None], line: float) -> tuple[list[float | None], float]:
        """Each row's share in holding the line, within 0 and 1, and what their mean is held against.

        The mean is at the returned bar where the whole is at `line`, above it where the whole is on the good side.
        """
        low, high = self._ends(line)
        size = high - low
        found = [None if part is None else min(1.0, max(0.0, (self._gain(part, line) - low) / size)) for part in parts]
        return found, -low / size

    def _gain(self, part: Part, line: float) -> float:
        top, bottom = part
        return line * bottom - top if self.most else top - line * bottom

    def _ends(self, line: float) -> tuple[float, float]:
        """The least and the most that a row can add. A row that says nothing adds 0, unless every row counts alike."""
        gains = [self._gain(corner, line) for corner in self.corners] + ([] if self.is_mean else [0.0])
        return min(gains), max(*gains, min(gains) + 1e-12)

    def whole_at(self, right: float) -> float:
        """What the whole comes to where this share of the rows that say something is as good as can be, and the rest as bad."""
        best = max(self.corners, key=self._goodness)
        worst = min((corner for corner in self.corners if corner[1]), key=lambda corner: (self._goodness(corner), -corner[1]))
        top = right * best[0] + (1 - right) * worst[0]
        return top / (right * best[1] + (1 - right) * worst[1])

    def _goodness(self, part: Part) -> float:
        top, bottom = part
        return (-1 if self.most else 1) * (top / bottom if bottom else -math.inf if not self.most else math.inf)

    def whole(self, parts: Sequence[Part | None]) -> float | None:
        """sum(top) / sum(bottom) over the rows that have both; None where nothing was counted."""
        known = [part for part in parts if part is not None]
        below = sum(bottom for _, bottom in known)
        return sum(top for top, _ in known) / below if below else None

    def counted(self, parts: Sequence[Part | None]) -> int:
        """Rows that say something."""
        return sum(part is not None and part != (0, 0) for part in parts)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A bar on rows: what they give so far, in look order, the groups of all rows, the line, and what may be spent on it."""

    parts: tuple[Part | None, ...]
    groups: tuple[str, ...]
    linear: Linear
    line: float
    alpha: float
    name: str = "quality"

    def judged(self, line: float) -> Verdict:
        """What the gate says of another line, as things stand."""
        return gate.judge(*self.of_shares(line))

    def of_shares(self, line: float) -> tuple[list[float | None], gate.Claim]:
        """The rows' shares in holding a line, and what the gate is asked of them, by its own bounds where all count alike."""
        scores, bar = self.linear.scores(self.parts, line)
        fixed = None if self.linear.is_mean else exactly(bar)
        return scores, gate.Claim(groups=self.groups, bar=bar, alpha=self.alpha, name=self.name, fixed=fixed)

    def proven(self, line: float) -> bool:
        return self.judged(line).status == "pass"

    def refuted(self, line: float) -> bool:
        return self.judged(line).status == "fail"


def look_linear(asked: Asked) -> Verdict | None:
    """The verdict after the rows so far, its figures those of the whole (a precision, a cost); None where more must be looked at.

    Its `reason` is left as the gate put it, in terms of the rows' shares: say it anew. Raises as `gate.look`.
    """
    verdict = gate.look(*asked.of_shares(asked.line))
    return None if verdict is None else in_its_figures(asked, verdict)


def judged_so_far(asked: Asked) -> Verdict:
    """The same, with the bounds so far where more rows remain."""
    return in_its_figures(asked, asked.judged(asked.line))


def in_its_figures(asked: Asked, verdict: Verdict) -> Verdict:
    """A verdict on the rows' shares, told of the whole."""
    estimate = asked.linear.whole(asked.parts)
    # Of rows that say nothing no number decides.
    needed = verdict.needed if asked.linear.counted(asked.parts) else None
    found = replace(verdict, estimate=estimate, bar=asked.line, needed=needed)
    if verdict.lower is None or verdict.upper is None:
        return found
    if asked.linear.is_mean:
        good, bad = (_back(asked, end) for end in (verdict.lower, verdict.upper))
    else:
        held = verdict.status == "pass"
        good = search(asked.proven, asked, held=held)
        bad = search(asked.refuted, asked, held=verdict.status == "fail", outward=True)
    lower, upper = (bad, good) if asked.linear.most else (good, bad)
    return replace(found, lower=lower, upper=upper)


def _back(asked: Asked, share: float) -> float:
    """The whole whose rows' shares have this mean, where every row counts alike."""
    low, high = asked.linear._ends(asked.line)
    gain = low + share * (high - low)
    return asked.line - gain if asked.linear.most else gain + asked.line


def search(holds: Callable[[float], bool], asked: Asked, *, held: bool, outward: bool = False) -> float:
    """The line up to which something holds, by bisection from the bar's own line, of which it is known whether it does (`held`).

    Going from the easiest line to the hardest. `outward` turns that about: what is refuted is easier the harder the line.
    """
    least, most = asked.linear.span
    easiest, hardest = (most, least) if asked.linear.most != outward else (least, most)
    good, bad = (asked.line, hardest) if held else (easiest, asked.line)
    for _ in range(STEPS):
        middle = (good + bad) / 2
        if holds(middle):
            good = middle
        else:
            bad = middle
    return good


def fixed_ends(asked: Asked) -> tuple[float, float]:
    """Lower and upper bound on the whole, each one-sided at `alpha`, from all rows at once: no sequence of looks."""
    from rung.verify.stats.clusters import labels

    of = labels(asked.groups)

    def ends(line: float) -> tuple[float, float, float]:
        scores, bar = asked.linear.scores(asked.parts, line)
        worst, best = ([stand_in if score is None else score for score in scores] for stand_in in (0.0, 1.0))
        bound = exactly(bar)
        return bound(worst, of, asked.alpha).lower, bound(best, of, asked.alpha).upper, bar

    if asked.linear.is_mean:
        low, high, _ = ends(asked.line)
        good, bad = _back(asked, low), _back(asked, high)
    else:
        held, lost = _held(ends(asked.line))
        good = search(lambda line: _held(ends(line))[0], asked, held=held)
        bad = search(lambda line: _held(ends(line))[1], asked, held=lost, outward=True)
    return (bad, good) if asked.linear.most else (good, bad)


def _held(ends: tuple[float, float, float]) -> tuple[bool, bool]:
    lower, upper, bar = ends
    return lower >= bar, upper < bar


def exactly(line: float) -> Callable[[Sequence[float], Sequence[int], float], bounds.Bounds]:
    """Bounds on a mean which are exact where every row stands alone and is 0, 1 or on the line; else as `bounds.fixed_bounds`.

    Between the rows that say something and the mean stands their share: bounds are on the line's same side either way.
    """

    def fixed(scores: Sequence[float], of: Sequence[int], level: float) -> bounds.Bounds:
        telling = [score for score in scores if abs(score - line) > ON_THE_LINE]
        alone = len(set(of)) == len(scores)
        if not alone or len(telling) == len(scores) or any(0 < score < 1 for score in telling):
            return bounds.fixed_bounds(scores, of, level)
        if not telling:
            # Nothing was counted, and so nothing is known: least of all that the whole is on the line.
            return bounds.Bounds(lower=0.0, upper=1.0, method=EXACT)
        lower, upper = bounds.clopper_pearson(sum(telling), len(telling), level)
        share = len(telling) / len(scores)
        return bounds.Bounds(
            lower=line + (lower - line) * share,
            upper=line + (upper - line) * share,
            method=EXACT,
        )

    return fixed
