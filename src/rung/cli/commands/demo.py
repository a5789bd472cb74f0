"""`rung demo`."""

from __future__ import annotations

from pathlib import Path

import click

from rung.cli.climbing import climb_file
from rung.cli.output import example, json_option, print_json, show, table, watching
from rung.cli.worlds import climb_worlds, open_worlds, task_folders
from rung.errors import BrokenEnvironment, UserError, did_you_mean
from rung.report.text import seconds

WORLDS, SERVE = "worlds", "serve"
TITLES = ("world", "planted cause", "named cause", "rung chosen", "cheapest rung", "verdict", "time")


@click.command(epilog=example("rung demo tone"))
@click.argument("name", default="tone")
@json_option
def command(name: str, as_json: bool) -> int:
    """Climb a worked task: real data, a real model.

    NAME is the task: tone (positive or negative message; the default), spam, handbook (needs documents), ledger (needs a tool) or
    calls (emit a function call). Data and model are downloaded once. `worlds` climbs nine small invented tasks of which it is known
    what is missing and which rung is enough. `serve` serves what the demo came to behind OpenAI's API (`rung serve`): its winner, a
    second adapter of its climb, and a prompt with documents, on one base.

    Exits with 0 where a rung passed, 1 where none did or it is undecided; of the worlds: 0 where each ended as it was planted.
    """
    if name == SERVE:
        return serve_demo(as_json=as_json)
    return climb_all_worlds(as_json=as_json) if name == WORLDS else climb_file(task_file(name), every_rung=False, as_json=as_json)


def serve_demo(*, as_json: bool) -> int:
    """Serves what the demo came to, until it is told to stop; returns the exit code."""
    from rung.cli.commands.serve import At, serve
    from rung.cli.demo_serving import prepare
    from rung.registry.home import open_home
    from rung.serve.awake import stay_awake

    stay_awake()
    with open_home(write=True) as home:
        with watching() as progress:
            names = prepare(home, task_file("handbook"), progress)
        serve(home, At(host="127.0.0.1", port=8000), warm=names, as_json=as_json, names=names)
    return 0


def climb_all_worlds(*, as_json: bool) -> int:
    """Climbs the worlds, prints their table; returns the exit code."""
    from rung.registry.home import open_home

    worlds = open_worlds()
    with open_home(write=True) as home, watching() as progress:
        outcomes = list(climb_worlds(list(worlds.WORLDS), home, progress))
    if as_json:
        print_json({"worlds": [one.as_json() for one in outcomes], "summary": worlds.scoring.summary(outcomes)})
    else:
        rows = [(one.world, one.planted, one.named, one.chosen, one.cheapest, one.status, seconds(one.seconds)) for one in outcomes]
        show(table(TITLES, rows, numbers=("time",)))
    return 0 if all(one.right_cause and one.chosen == one.cheapest for one in outcomes) else 1


def task_file(name: str) -> Path:
    """The worked task's file, in the installed package or in the checkout. Raises UserError for an unknown name."""
    for folder in task_folders():
        known = sorted(file.parent.name for file in folder.glob("*/task.yaml"))
        if name in known:
            return folder / name / "task.yaml"
        if known:
            raise UserError(f"there is no worked task '{name}'", hint=did_you_mean(name, [*known, WORLDS, SERVE]))
    raise BrokenEnvironment("the worked tasks are not installed", hint="Install rung from a checkout or its wheel.")
