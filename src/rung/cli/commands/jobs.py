"""`rung jobs`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.background import submit_job
from rung.cli.output import example, fields, json_option, print_json, show, table
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.job_states import Job, JobEvent

ACTIONS = ("submit", "show", "log", "pause", "resume", "cancel")
SHOWN = 30
# How long `resume` waits for a job that is still being paused.
PAUSING_S = 40.0


@click.command(
    context_settings={"ignore_unknown_options": True},  # what stands behind a command to submit is that command's
    epilog=example("rung jobs submit -- climb task.yaml"),
)
@click.argument("action", required=False, type=click.Choice(ACTIONS))
@click.argument("words", nargs=-1, metavar="[ID | -- COMMAND...]")
@click.option("-f", "--follow", is_flag=True, help="With log: go on as the job does, until it has ended.")
@json_option
def command(action: str | None, words: tuple[str, ...], follow: bool, as_json: bool) -> None:
    """List the jobs of this home; submit one; show, pause, resume or cancel one, or read its log.

    \b
    rung jobs                              the newest, and all that have not ended
    rung jobs submit -- verify tone@3      put `rung verify tone@3` into the queue
    rung jobs show ID                      what was asked, and what happened
    rung jobs log ID -f                    what it prints
    rung jobs pause ID                     stop it for now; `resume` goes on where it was
    rung jobs cancel ID                    stop it for good

    `rung worker` runs what is in the queue. The beginning of an ID will do. A job that did what it was asked for is done, whatever
    came out (exit code 0 or 1); one that failed says why.
    """
    if action is None:
        _list(as_json)
    elif action == "submit":
        submit_job(words, as_json)
    elif len(words) != 1:
        raise UserError(f"which job is to be {'read' if action == 'log' else action}?", hint=f"rung jobs {action} ID")
    elif action == "log":
        _log(words[0], follow, as_json)
    else:
        _act(action, words[0], as_json)


def _list(as_json: bool) -> None:
    from rung.registry.home import open_home
    from rung.registry.job_states import FINAL, HELD

    with open_home() as home:
        open_ones = home.jobs.all((*HELD, "queued", "paused"))
        ended = home.jobs.all(FINAL, limit=None if as_json else SHOWN)
        workers = [worker for worker in home.workers.all() if worker.alive]
    jobs = sorted([*open_ones, *ended], key=lambda job: -job.place)
    if as_json:
        print_json({"jobs": [_told(job) for job in jobs], "workers": [asdict(worker) for worker in workers]})
        return
    if not jobs:
        show("No jobs yet: `rung climb task.yaml --background` or `rung jobs submit -- ...` makes one.")
        return
    rows = [(job.id, " ".join(job.asked.line), _state(job), job.attempt or None, _when(job), _first(job.said)) for job in jobs]
    show(table(["job", "rung ...", "state", "begun", "since (UTC)", "what it says"], rows, numbers=["begun"]))
    if open_ones and not workers:
        show("No worker is at work in this home. Start one  rung worker")


def _act(action: str, ref: str, as_json: bool) -> None:
    from rung.registry.home import open_home
    from rung.worker.reaping import Watch, reap

    with open_home(write=action != "show") as home:
        if action != "show":
            reap(home, Watch())
            job = _asked(home, action, ref)
        else:
            job = home.jobs.get(ref)
        events = home.jobs.events(job.id)
    if as_json:
        print_json({"job": _told(job), "events": [asdict(event) for event in events]})
    elif action == "show":
        _show(job, events)
    else:
        later = ": it stops as soon as its worker hears of it" if job.state in ("pausing", "cancelling") else ""
        show(f"{job.id} is {job.state} now{later}.")


def _asked(home: Home, action: str, ref: str) -> Job:
    job = home.jobs.get(ref)
    if action == "pause":
        return home.jobs.pause(job)
    if action == "cancel":
        return home.jobs.cancel(job)
    until = time.monotonic() + PAUSING_S
    while job.state == "pausing" and time.monotonic() < until:
        time.sleep(0.1)
        job = home.jobs.get(job.id)
    return home.jobs.resume(job)


def _log(ref: str, follow: bool, as_json: bool) -> None:
    from rung.registry.home import open_home
    from rung.worker import log
    from rung.worker.outcome import job_folder

    with open_home() as home:
        job = home.jobs.get(ref)
        folder = job_folder(home.path, job.id)
        kept = list(log.read(folder))
        if as_json:
            print_json({"job": job.id, "state": job.state, "lines": kept or list(job.tail)})
            return
        lines = _lines(home, job, follow, is_here=bool(kept) or not job.tail)
        said = False
        for line in lines:
            said = True
            click.echo(line)
    if not said:
        click.echo(f"{job.id} has said nothing yet: it is {job.state}.", err=True)


def _lines(home: Home, job: Job, follow: bool, *, is_here: bool) -> Iterable[str]:
    """The log of a job, or what is told of one on another machine."""
    from rung.worker import log
    from rung.worker.outcome import job_folder

    def look() -> tuple[tuple[str, ...], bool]:
        known = home.jobs.get(job.id)
        return known.tail, known.is_final

    if not is_here:
        click.echo(f"The log is where it was run ({job.worker}); its last lines:", err=True)
        return log.follow_tail(look) if follow else job.tail
    folder = job_folder(home.path, job.id)
    return log.follow(folder, lambda: home.jobs.get(job.id).is_final) if follow else log.read(folder)


def _show(job: Job, events: list[JobEvent]) -> None:
    from rung.worker.reaping import is_orphaned

    asked = job.asked
    settings = " ".join(f"{name}={value}" for name, value in sorted(asked.settings.items()))
    show(
        fields(
            {
                "job": job.id,
                "command": f"rung {' '.join(asked.line)}",
                "in": asked.folder,
                "with": settings or None,
                "labels": " ".join(f"{name}={value}" for name, value in sorted(asked.labels.items())) or None,
                "by": f"{asked.who} on {asked.host}, rung {asked.version}",
                "state": _state(job),
                "exit code": job.exit,
                "says": job.said or None,
                "worker": job.worker if job.is_held and not is_orphaned(job) else None,
            }
        )
    )
    rows = [
        (event.created[:19].replace("T", " "), event.kind, event.attempt or None, event.worker or None, event.said or None)
        for event in events
    ]
    show(table(["when (UTC)", "what", "attempt", "worker", "why"], rows, numbers=["attempt"]), f"Its log  rung jobs log {job.id}")


def _told(job: Job) -> dict[str, Any]:
    """A job as JSON; the lease that its worker has is nobody else's concern."""
    from rung.worker.reaping import is_orphaned

    told = asdict(job)
    del told["token"], told["beats"], told["place"]
    return told | {"orphaned": is_orphaned(job)}


def _state(job: Job) -> str:
    from rung.worker.reaping import is_orphaned

    if is_orphaned(job):
        return f"{job.state}, but its worker is dead: the next one goes on with it"
    return f"{job.state} (exit code {job.exit})" if job.exit and job.is_final else job.state


def _when(job: Job) -> str:
    return job.updated[:16].replace("T", " ")


def _first(said: str) -> str | None:
    return said.split("\n", maxsplit=1)[0] or None
