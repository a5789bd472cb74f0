"""Means over dev from rows of which the failing ones were sampled more densely, each weighted back to its share of dev.

Where all rows were taken, bounds are those of `bounds` and `paired`. Else the mean is phi * (mean of the first stratum) +
(1 - phi) * (mean of the second): phi and both means are bounded, each at a third of the level and by whole clusters, and the bound
is the worst of their corners (Bonferroni). That is conservative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rung.verify.stats import bounds, clusters, paired

Fixed = Callable[[Sequence[float], Sequence[int], float], bounds.Bounds]


@dataclass(frozen=True, kw_only=True)
class Strata:
    """A sample of rows.

    inside, groups          of each sampled row, whether it is of the first stratum, and its cluster; "" is one of its own
    all_inside, all_groups  the same of all rows that the sample was drawn from
    """

    inside: tuple[bool, ...]
    groups: tuple[str, ...]
    all_inside: tuple[bool, ...]
    all_groups: tuple[str, ...]

    @property
    def first(self) -> int:
        """Rows of the first stratum among all."""
        return sum(self.all_inside)

    @property
    def total(self) -> int:
        """Rows that the sample was drawn from."""
        return len(self.all_inside)

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return len(self.inside) == self.total

    def take(self, places: Sequence[int]) -> Strata:
        """The sample's rows at these places, which must not have been chosen by their scores within a stratum."""
        inside = tuple(self.inside[place] for place in places)
        return replace(self, inside=inside, groups=tuple(self.groups[place] for place in places))

    def mean(self, values: Sequence[float]) -> float:
        """The mean over all `total` rows, estimated. A stratum of which no row was taken is left out."""
        parts = [(share, part) for share, part in zip(self._shares, self._split(values), strict=True) if part and share]
        weight = sum(share for share, _ in parts)
        return sum(share * sum(part) / len(part) for share, part in parts) / weight if weight else 0.0

    def mean_bounds(self, values: Sequence[float], level: float) -> tuple[float, float]:
        """Bounds, each one-sided at `level`, on the mean of scores in [0, 1] of the rows that dev was drawn from."""
        return self._bounds(values, level, bounds.fixed_bounds)

    def difference_bounds(self, after: Sequence[float], before: Sequence[float], level: float) -> tuple[float, float]:
        """As `mean_bounds`, on the mean of `after - before`, in [-1, 1]."""
        scores = [(1 + a - b) / 2 for a, b in zip(after, before, strict=True)]
        lower, upper = self._bounds(scores, level, paired.fixed_difference)
        return 2 * lower - 1, 2 * upper - 1

    @property
    def _shares(self) -> tuple[float, float]:
        share = self.first / self.total if self.total else 0.0
        return share, 1 - share

    def _split(self, values: Sequence[float]) -> tuple[list[float], list[float]]:
        first = [value for value, inside in zip(values, self.inside, strict=True) if inside]
        return first, [value for value, inside in zip(values, self.inside, strict=True) if not inside]

    def _bounds(self, values: Sequence[float], level: float, fixed: Fixed) -> tuple[float, float]:
        if not values:
            return 0.0, 1.0
        if self.whole:
            found = fixed(list(values), clusters.labels(self.groups), level)
            return found.lower, found.upper
        share = bounds.fixed_bounds([float(inside) for inside in self.all_inside], clusters.labels(self.all_groups), level / 3)
        first, second = (self._of_stratum(values, wanted, level / 3, fixed) for wanted in (True, False))
        ends = (share.lower, share.upper)
        lower = min(phi * first[0] + (1 - phi) * second[0] for phi in ends)
        return lower, max(phi * first[1] + (1 - phi) * second[1] for phi in ends)

    def _of_stratum(self, values: Sequence[float], wanted: bool, level: float, fixed: Fixed) -> tuple[float, float]:
        chosen = [(value, group) for value, group, inside in zip(values, self.groups, self.inside, strict=True) if inside is wanted]
        if not chosen:
            return 0.0, 1.0
        found = fixed([value for value, _ in chosen], clusters.labels([group for _, group in chosen]), level)
        return found.lower, found.upper
