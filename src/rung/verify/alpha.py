"""The plan of alpha: what each rung may spend, so that a whole climb passes something wrongly at most alpha of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.types import Task


@dataclass(frozen=True, kw_only=True)
class AlphaPlan:
    """Equal shares of alpha: one for each rung that applies, and `cheaper` for all cheaper forms of what passed together."""

    rungs: Mapping[str, float]
    cheaper: float

    @property
    def shares(self) -> int:
        """Into how many parts alpha is split."""
        return len(self.rungs) + 1


def plan_alpha(task: Task, rungs: Sequence[str]) -> AlphaPlan:
    """The shares of the rungs that apply to a task, in their order."""
    from rung.verify.stats.gate import split_alpha

    shares = split_alpha(task.alpha, len(rungs) + 1)
    return AlphaPlan(rungs=dict(zip(rungs, shares, strict=False)), cheaper=shares[-1])
