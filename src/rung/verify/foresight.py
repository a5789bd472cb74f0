"""What dev says of the gate, before a test row is asked: whether a Candidate can pass, and how likely it is to.

By what the quality bar is on, row by row (`choosing`). Dev is what the Candidate was chosen on, so that it is flattered: what looks
hopeless there is hopeless, what looks likely is a little less so. Nothing here can make a pass wrong: it moves alpha before the
gate (`alpha`), and ends the gate early without one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rung.types import Example, Row, Task
from rung.verify.bars import measure_of
from rung.verify.choosing import line_of, shares_of
from rung.verify.stats.sequential import AT_END, FUTILE_BELOW, rows_with_power

# After so many rows of dev it is asked whether they tell enough. A search has asked most of them; all are asked for the report.
STEPS = (48, 100, 200, 400)
# The chance that the upper bound is below the truth, at each of these looks.
DOUBT = 0.025
# Beyond so many rows only what may be hopeless, and is not nearly so, is asked more: its share is about the floor as it is.
ENOUGH = 200
NEARLY = 1.64
# What is said to have stopped a gate that dev leaves no hope.
GIVEN_UP = "futility with dev"
# So many standard errors below the line a Candidate's share is the floor, whether a bound that holds of so few rows says so or not.
FAR = 2.33
# A fail that is so clear that as many rows, two looks, should prove it is worth more than an early end, and waited for so long.
FAIL_SOON, FAIL_WITHIN = 48, 96


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """A Candidate's shares in holding the quality bar, on the first rows of dev that it is about.

    missing   rows that have no score: as wrong in `mean`, as right in `upper`
    mean      an imagined cluster, half right, with them: five right rows are no certainty
    upper     wrong at most DOUBT of the time
    variance  of what one row adds to the mean's, groups included
    line      what the mean is held against, within 0 and 1
    """

    rows: int
    missing: int
    mean: float
    upper: float
    variance: float
    line: float

    @property
    def hopeless(self) -> bool:
        return self.upper < self.line

    def chance(self, alpha: float, total: int) -> float:
        """Of passing on `total` test rows like these at this alpha; 0 where it is hopeless."""
        return 0.0 if self.hopeless else self._chance(alpha, total, 0.0, 0)

    def gives_up(self, alpha: float, total: int, right: float, n: int) -> bool:
        """Whether a pass on all rows is improbable by dev and the first n test rows together, of which `right` hold the bar.

        Never where these rows by themselves hold it: then dev is not like test. Nor where a fail will soon be proven.
        """
        if n >= total or right >= self.line * n:
            return False
        mean = self.together(right, n)
        if n < FAIL_WITHIN and self._rows_to_fail(mean, alpha) <= FAIL_SOON:
            return False
        return self._chance(alpha, total, right, n) < FUTILE_BELOW

    def needed(self, alpha: float, total: int, right: float, n: int) -> int | None:
        """More rows than the `total` of test, for a pass with 80% power, were the truth what dev and the first n of them say.

        None where that is not above the line: then no number of rows is enough.
        """
        gap = self.together(right, n) - self.line
        return None if gap <= 0 else max(1, rows_with_power(gap, self.variance, alpha) - total)

    def together(self, right: float, n: int) -> float:
        """The mean of dev and the first n test rows."""
        return (self.mean * self.rows + right) / (self.rows + n)

    def _chance(self, alpha: float, total: int, right: float, n: int) -> float:
        """By the normal predictive distribution of the mean over all test rows."""
        from scipy.special import ndtr, ndtri

        left = total - n
        wanted = self.line + float(ndtri(1 - alpha * AT_END)) * math.sqrt(self.variance / total)
        expected = (right + left * self.together(right, n)) / total
        spread = left / total * math.sqrt(self.variance * (1 / (self.rows + n) + 1 / left))
        return float(ndtr((expected - wanted) / spread))

    def _rows_to_fail(self, mean: float, alpha: float) -> float:
        """About how many, by the normal law, at what may be spent on so early a look."""
        from scipy.special import ndtri

        from rung.verify.stats.boundaries import EARLY_SHARE

        return self.variance * (float(ndtri(1 - alpha * EARLY_SHARE)) / max(self.line - mean, 1e-9)) ** 2


def line_before(task: Task) -> float | None:
    """What the mean of the shares is held against; None where dev is not asked or cannot tell (comparisons)."""
    line = None if task.alpha_shares == "equal" else line_of(task)
    return line if line is not None and 0 < line < 1 else None


def foresee(task: Task, examples: Sequence[Example], answered: Callable[[int], Sequence[Row]]) -> Foresight | None:
    """What the first rows of dev say, as many as are worth asking; None where they say nothing of the bar.

    examples   dev in its random order
    answered   the first n of them, answered and scored
    """
    line = line_before(task)
    if line is None:
        return None
    if not task.quality.plain and not any(map(measure_of(task, task.quality).is_about, examples)):
        return None
    return stepwise(lambda n: read(task, examples[:n], answered(n), line), len(examples))


def stepwise(look: Callable[[int], Foresight | None], total: int) -> Foresight | None:
    """What the first rows say, of `total`: more of them are asked until they tell enough."""
    found = None
    for step in STEPS:
        n = min(step, total)
        found = look(n) or found
        if n == total or (found and told(found, step)):
            break
    return found


def told(found: Foresight, step: int) -> bool:
    """Whether more rows would tell little more, once as many as `step` are in."""
    error = math.sqrt(found.variance / found.rows)
    below = found.line - found.mean
    if found.hopeless or -below >= 2 * error or below - found.missing / found.rows >= FAR * error:
        return True
    return step >= ENOUGH and not 0 < below < NEARLY * error


def read(task: Task, examples: Sequence[Example], rows: Sequence[Row], line: float) -> Foresight | None:
    """What answered rows of dev say; None where the bar is about none of them."""
    if not rows or not (task.quality.plain or any(map(measure_of(task, task.quality).is_about, examples))):
        return None
    shares = shares_of(task, examples, rows)
    return of_shares(shares.values, shares.groups, line)


def of_shares(values: Sequence[float | None], groups: Sequence[str], line: float) -> Foresight:
    """What rows of dev say by their shares in holding the line; None where one is missing."""
    import numpy as np

    from rung.verify.stats.bounds import fixed_bounds, row_variance
    from rung.verify.stats.clusters import labels, sizes
    from rung.verify.stats.gaffke import imagined_size

    of = labels(groups)
    worst, best = ([stand_in if value is None else value for value in values] for stand_in in (0.0, 1.0))
    imagined = imagined_size(np.array(sizes(groups), float))
    return Foresight(
        rows=len(worst),
        missing=values.count(None),
        mean=(sum(worst) + imagined / 2) / (len(worst) + imagined),
        upper=fixed_bounds(best, of, DOUBT).upper,
        variance=row_variance(worst, of),
        line=line,
    )
