"""The settings of a rung, or of another plug-in, as the task file says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from rung.rungs.base import ladder
from rung.types import Task

if TYPE_CHECKING:
    from rung.verify.problems import Problem

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(task: Task, rung: str, kind: type[Settings]) -> Settings:
    """The rung's own settings from the task file. Raises UserError naming every key that is unknown or wrong."""
    from rung.task.positions import error_in

    settings, problems = validated(task.settings.get(rung, {}), kind, ("rungs", rung))
    if settings is None or problems:
        raise error_in(task.path, problems)
    return settings


def setting_problems(task: Task) -> list[Problem]:
    """What is wrong with the settings of any rung, each at its place in the task file."""
    found = []
    for rung in ladder():
        given = task.settings.get(rung.name, {})
        if kind := rung.settings_kind(given):
            found += validated(given, kind, ("rungs", rung.name))[1]
    return found


def validated(given: Mapping[str, Any], kind: type[Settings], place: tuple[str, ...]) -> tuple[Settings | None, list[Problem]]:
    """A plug-in's settings, which stand at `place` in the task file, and everything that is wrong with them; `skip` is for all."""
    from rung.verify.problems import Problem, problems_of

    problems = []
    skip = given.get("skip", False)
    if not isinstance(skip, bool):
        problems.append(Problem((*place, "skip"), f"'skip' cannot be {skip!r}: it is true or false"))
    try:
        return kind.model_validate({key: value for key, value in given.items() if key != "skip"}), problems
    except ValidationError as error:
        found = problems_of(error, kind, also_known=("skip",))
        return None, [*problems, *[Problem((*place, *problem.path), problem.text) for problem in found]]
