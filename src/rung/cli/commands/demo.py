"""`rung demo`."""

from __future__ import annotations

from pathlib import Path

import click

import rung
from rung.cli.climbing import climb_file
from rung.cli.output import example, json_option
from rung.errors import BrokenEnvironment, UserError, did_you_mean


@click.command(epilog=example("rung demo tone"))
@click.argument("name", default="tone")
@json_option
def command(name: str, as_json: bool) -> int:
    """Climb a worked task: real data, a real model.

    NAME is the task: tone (positive or negative message; the default), calls (emit a function call) or spam. Data and model are
    downloaded once.

    Exits with 0 where a rung passed, 1 where none did or it is undecided.
    """
    return climb_file(task_file(name), every_rung=False, as_json=as_json)


def task_file(name: str) -> Path:
    """The worked task's file, in the installed package or in the checkout. Raises UserError for an unknown name."""
    package = Path(rung.__file__).parent
    for folder in (package / "tasks", package.parents[1] / "tasks"):
        known = sorted(file.parent.name for file in folder.glob("*/task.yaml"))
        if name in known:
            return folder / name / "task.yaml"
        if known:
            raise UserError(f"there is no worked task '{name}'", mend=did_you_mean(name, known))
    raise BrokenEnvironment("the worked tasks are not installed", mend="Install rung from a checkout or its wheel.")
