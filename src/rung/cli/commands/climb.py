"""`rung climb`."""

from __future__ import annotations

from pathlib import Path

import click

from rung.cli.background import submit_job
from rung.cli.climbing import climb_file
from rung.cli.output import example, json_option


@click.command(epilog=example("rung climb tasks/tone/task.yaml"))
@click.argument("task", type=click.Path(path_type=Path))
@click.option("--all", "every_rung", is_flag=True, help="Measure every rung that applies, not only up to the first that passes.")
@click.option("--background", is_flag=True, help="Leave it to a worker (`rung worker`), as a job: `rung jobs` says how it stands.")
@json_option
def command(task: Path, every_rung: bool, background: bool, as_json: bool) -> int:
    """Find the cheapest change that passes TASK, a task file.

    Tries the rungs from the cheapest up, gates each on rows that nothing was fitted to, stops at the first pass and registers it.
    Interrupt it when you like: the same command goes on where it stopped.

    Exits with 0 where a rung passed, 1 where none did or it is undecided.
    """
    if background:
        submit_job(("climb", str(task), *(["--all"] if every_rung else [])), as_json)
        return 0
    return climb_file(task, every_rung=every_rung, as_json=as_json)
