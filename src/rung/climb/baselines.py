"""What relative bars compare with: a rung of the same climb, or a Candidate that is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung import plugins
from rung.errors import UserError, did_you_mean
from rung.rungs.base import why_skipped
from rung.types import Task

if TYPE_CHECKING:
    from rung.registry.home import Home


def baselines_of(task: Task) -> dict[str, str]:
    """Name of each relative bar -> the rung or registered name that it compares with."""
    bars = (task.quality, *task.guards)
    return {bar.name: name for bar in bars if (name := bar.better_than or bar.not_worse_than)}


def refuse_unknown_baselines(task: Task, home: Home) -> None:
    """Raises UserError, with the line of the task file, for a baseline that is neither a rung of this climb nor registered."""
    from rung.task.positions import error_in
    from rung.verify.problems import Problem

    problems = []
    for bar in (task.quality, *task.guards):
        reason = _unusable(task, home, bar.better_than or bar.not_worse_than)
        key = "better_than" if bar.better_than else "not_worse_than"
        place = ("quality", key) if bar.name == "quality" else ("guards", bar.name, key)
        problems += [Problem(place, reason)] if reason else []
    if problems:
        raise error_in(task.path, problems)


def _unusable(task: Task, home: Home, name: str | None) -> str:
    """Why a bar cannot be compared with `name`, or ""."""
    rungs = plugins.names("rungs")
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
