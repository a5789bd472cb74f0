"""A bar read over a Run, outside of any gate: `rung eval`."""

from __future__ import annotations

from dataclasses import dataclass

from rung.types import Bar, Run, Status, Task, Unit
from rung.verify.bars import Seen, estimated, measure_of, say, seen
from rung.verify.stats.clusters import labels
from rung.verify.stats.linear import Asked, fixed_ends
from rung.verify.whole import status_of


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One bar's estimate and bounds over a Run; None where no row that it is about has a score.

    `status` is None for a relative bar. `unit` says what the figures are and `measured` what they are of, as in `Bar`.
    """

    name: str
    scorer: str
    measured: str
    at_least: float | None
    at_most: float | None
    unit: Unit
    n: int
    missing: int
    estimate: float | None
    lower: float | None
    upper: float | None
    status: Status | None

    @property
    def asked(self) -> str | None:
        """The bar in words; None for a relative one."""
        kind, line = ("at least", self.at_least) if self.at_least is not None else ("at most", self.at_most)
        return None if line is None else f"{kind} {say(self.unit, line)}"


def read_bar(task: Task, bar: Bar, run: Run, alpha: float) -> Reading:
    """Each bound one-sided at `alpha`. A missing score counts as wrong towards the lower bound and as right towards the upper."""
    sight = _sight(task, bar, run)
    estimate, missing = estimated(sight)
    lower, upper = _ends(sight, alpha) if missing < len(sight.rows) else (None, None)
    return Reading(
        name=bar.name,
        scorer=bar.scorer,
        measured=bar.measured,
        at_least=bar.at_least,
        at_most=bar.at_most,
        unit="share" if bar.other else bar.unit,
        n=len(sight.rows),
        missing=missing,
        estimate=estimate,
        lower=lower,
        upper=upper,
        status=_status(bar, lower, upper),
    )


def figure_on(task: Task, run: Run) -> tuple[float | None, int]:
    """What the quality bar is on, as it came out on a Run (of a relative one: the mean score), and of how many rows."""
    sight = _sight(task, task.quality, run)
    return estimated(sight)[0], len(sight.rows)


def _sight(task: Task, bar: Bar, run: Run) -> Seen:
    examples = {row.id: row for row in task.split(run.split)}
    return seen(measure_of(task, bar), [examples[row.example] for row in run.rows], run.rows)


def _ends(sight: Seen, alpha: float) -> tuple[float, float]:
    linear, bar = sight.measure.linear, sight.measure.bar
    if linear is None:
        return sight.taken.bounds(labels(sight.groups), alpha)[:2]
    return fixed_ends(Asked(parts=sight.parts, groups=sight.groups, linear=linear, line=bar.line, alpha=alpha))


def _status(bar: Bar, lower: float | None, upper: float | None) -> Status | None:
    if bar.other is not None:
        return None
    if lower is None or upper is None:
        return "undecided"
    return status_of(bar, lower, upper)
