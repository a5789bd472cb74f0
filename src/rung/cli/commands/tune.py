"""`rung tune`."""

from __future__ import annotations

import click

from rung.cli.output import example, json_option, print_json, show, watching


@click.command(epilog=example("rung tune ftjob-3f9a21c04d77e1b2a8c5d6f0"))
@click.argument("job")
@json_option
def command(job: str, as_json: bool) -> None:
    """Do JOB, a fine-tuning job that a server has taken.

    A worker runs this (`rung worker`); it trains on the job's file, checks on its validation file and registers the model that
    comes of it. Interrupt it when you like: the same command goes on where it stopped.
    """
    from rung.registry.home import open_home
    from rung.tuning.run import tune

    with open_home(write=True) as home, watching() as progress:
        tune(home, job, progress)
        tuning = home.tunings.get(job)
    model = tuning.end.model if tuning and tuning.end else ""
    fault = tuning.end.fault.message if tuning and tuning.end and tuning.end.fault else ""
    if as_json:
        print_json({"job": job, "model": model or None, "fault": fault or None})
        return
    show(f"{job} failed before: {fault}" if fault else f"{job} made {model}")
