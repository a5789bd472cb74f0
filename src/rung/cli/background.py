"""What leaves a command to a worker: as a job."""

from __future__ import annotations

from collections.abc import Sequence

from rung.cli.output import print_json, show


def submit_job(line: Sequence[str], as_json: bool) -> None:
    """Puts a command line of rung into the queue, and says how to follow it."""
    from dataclasses import asdict

    from rung.registry.home import open_home
    from rung.worker.submitting import submit

    with open_home(write=True) as home:
        job = submit(home, line)
        is_watched = any(worker.alive for worker in home.workers.all())
    if as_json:
        print_json({"job": job.id, "state": job.state, "asked": asdict(job.asked), "is_watched": is_watched})
        return
    show(f"{job.id} is in the queue: rung {' '.join(line)}", f"Follow it  rung jobs log {job.id} -f")
    if not is_watched:
        show("No worker is at work in this home. Start one  rung worker")
