"""What may be a job: a command line of rung that goes on where it was when it is run again, and loses nothing by Ctrl-C."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from rung.errors import UserError, did_you_mean
from rung.registry.home import Home
from rung.registry.job_states import Job
from rung.registry.submission import submission

RUNNABLE = (
    *("campaign", "climb", "demo", "diagnose", "eval", "export", "forecast", "gc"),
    *("import", "plan", "pull", "push", "report", "tune", "verify"),
)
_CREDENTIALS = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


def submit(home: Home, line: Sequence[str], *, folder: Path | None = None, labels: Mapping[str, str] | None = None) -> Job:
    """Puts a command line (without `rung`) into the queue, to be run in `folder`, by default this one.

    Raises UserError where it cannot be a job, and where the command would refuse its arguments.
    """
    place = (folder or Path.cwd()).absolute()
    check(line, place)
    return home.jobs.submit(submission(line, place, labels))


def check(line: Sequence[str], folder: Path | None = None) -> None:
    """Raises UserError for a command line that cannot be a job: of a command that is none for it, or with arguments that it does
    not take; with `folder`, also where a file that it is to read is not there.
    """
    from rung.cli.app import commands

    known = [name for name in RUNNABLE if name in commands.list_commands(click.Context(commands))]
    if not line:
        raise UserError("which command is the job?", hint="rung jobs submit -- climb task.yaml")
    if line[0] not in known:
        raise UserError(f"'{line[0]}' cannot be a job", hint=did_you_mean(line[0], known))
    if any(_CREDENTIALS.search(word) for word in line):
        raise UserError(
            "a password stands in the command line, which would be kept", hint="Put it where only its owner can read it."
        )
    command = commands.get_command(click.Context(commands), line[0])
    assert command is not None
    try:
        context = command.make_context(line[0], list(line[1:]))
    except click.UsageError as error:
        raise UserError(f"rung {line[0]}: {error.format_message()}", hint=f"rung {line[0]} --help") from None
    if context.params.get("background"):
        raise UserError("it is in the background already, as a job", hint="Leave --background out.")
    for argument in command.params:
        given = context.params.get(argument.name or "")
        is_file = isinstance(argument, click.Argument) and isinstance(argument.type, click.Path)
        if folder and given and is_file and not (folder / given).exists():
            raise UserError("is not there", where=str(folder / given))
