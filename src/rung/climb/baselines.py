"""What relative bars compare with: a rung of the same climb, or a Candidate that is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import UserError, did_you_mean
from rung.rungs.base import ladder, why_skipped
from rung.types import Task

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.verify.problems import Problem


def baselines_of(task: Task) -> dict[str, str]:
    """Name of each relative bar -> the rung or registered name that it compares with."""
    bars = (task.quality, *task.guards)
    return {bar.name: name for bar in bars if (name := bar.better_than or bar.not_worse_than)}


def baseline_problems(task: Task, home: Home) -> list[Problem]:
    """Baselines that are neither a rung of this climb nor registered, each at its place in the task file."""
    from rung.verify.problems import Problem

    problems = []
    for bar in (task.quality, *task.guards):
        reason = _unusable(task, home, bar.better_than or bar.not_worse_than)
        key = "better_than" if bar.better_than else "not_worse_than"
        place = ("quality", key) if bar.name == "quality" else ("guards", bar.name, key)
        problems += [Problem(place, reason)] if reason else []
    return problems


def _unusable(task: Task, home: Home, name: str | None) -> str:
    """Why a bar cannot be compared with `name`, or ""."""
    rungs = [rung.name for rung in ladder()]
    if name is None:
        return ""
    if name in rungs:
        reason = why_skipped(task, name)
        return f"the bar compares with {name}, which this climb leaves out: {reason}" if reason else ""
    try:
        home.candidates.get(name)
    except UserError:
        known = {*rungs, *(version.name for version in home.names.all())}
        return f"the bar compares with '{name}', which is neither a rung nor registered. {did_you_mean(name, known)}"
    return ""
