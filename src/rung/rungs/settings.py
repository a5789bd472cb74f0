"""A rung's own settings, as the task file says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rung import plugins
from rung.types import Task

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(task: Task, rung: str, kind: type[Settings]) -> Settings:
    """The rung's own settings from the task file. Raises UserError naming every key that is unknown or wrong."""
    from rung.task.positions import error_in
    from rung.verify.problems import Problem, problems_of

    skip = task.settings.get(rung, {}).get("skip", False)
    if not isinstance(skip, bool):
        raise error_in(task.path, [Problem(("rungs", rung, "skip"), f"'skip' cannot be {skip!r}: it is true or false")])
    try:
        return kind.model_validate({key: value for key, value in task.settings.get(rung, {}).items() if key != "skip"})
    except ValidationError as error:
        problems = problems_of(error, kind, also_known=("skip",))
        raise error_in(task.path, [Problem(("rungs", rung, *problem.path), problem.text) for problem in problems]) from None


def settings_kind(rung: str, given: Mapping[str, Any]) -> type[BaseModel] | None:
    """What checks these settings of a rung: its Config, or what it says itself that some of them call for (`config_for`)."""
    module = plugins.load("rungs", rung)
    kind: type[BaseModel] | None = module.config_for(given) if hasattr(module, "config_for") else getattr(module, "Config", None)
    return kind


def check_settings(task: Task) -> None:
    """Raises UserError for what is wrong with the settings of any rung, before the first of them runs."""
    for rung in plugins.names("rungs"):
        if kind := settings_kind(rung, task.settings.get(rung, {})):
            read_settings(task, rung, kind)
