"""`rung worker`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from rung.cli.output import example, json_option, print_json
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.worker.loop import Worker
    from rung.worker.on_ray import RayWorker

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(epilog=example("rung worker --once --slots 2"))
@click.option("--once", is_flag=True, help="Stop when the queue is empty.")
@click.option("--slots", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs that run at the same time.")
@click.option("--ray", "address", help="Run them on this Ray cluster: auto, ray://HOST:PORT, HOST:PORT, or local.")
@click.option("--cpus", type=click.FloatRange(min=0), default=1.0, show_default=True, help="With --ray: processors for each job.")
@click.option("--gpus", type=click.FloatRange(min=0), default=0.0, show_default=True, help="With --ray: GPUs for each job.")
@json_option
def command(once: bool, slots: int, address: str | None, cpus: float, gpus: float, as_json: bool) -> None:
    """Run the jobs of this home, one after another, each in a process of its own.

    `rung climb task.yaml --background` and `rung jobs submit -- ...` put jobs into the queue, `rung jobs` says how they stand.
    Several workers may share a home. Where one is killed, or its machine is lost, another takes over its jobs, and they go on where
    they were.

    Ctrl-C (or SIGTERM) gives its jobs back to the queue; a second one does not wait for them to stop.
    """
    from rung.registry.home import open_home

    if address is None and (cpus, gpus) != (1.0, 0.0):
        raise UserError("--cpus and --gpus are said to a Ray cluster", hint="rung worker --ray auto --gpus 1")
    if address is not None and slots != 1:
        raise UserError("--slots is for this machine", hint="How many run at once on a cluster follows from --cpus and --gpus.")
    with open_home(write=True) as home:
        worker = _worker(home, once, slots) if address is None else _on_ray(home, once, address, cpus, gpus)
        with heeding(worker.stop):
            ended = worker.run()
    if as_json:
        print_json({"jobs": [{"id": job.id, "state": job.state, "exit": job.exit, "said": job.said} for job in ended]})


@contextmanager
def heeding(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C, and what a machine that goes down sends, call `stop` inside the block; what is ignored (`nohup`) stays so."""
    heeded = [sent for sent in STOPS if signal.getsignal(sent) is not signal.SIG_IGN]
    before = {sent: signal.signal(sent, lambda *_: stop()) for sent in heeded}
    try:
        yield
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler)


def _worker(home: Home, once: bool, slots: int) -> Worker:
    from rung.worker.loop import Worker

    return Worker(home, slots=slots, once=once, said=_say)


def _on_ray(home: Home, once: bool, address: str, cpus: float, gpus: float) -> RayWorker:
    from rung.worker.on_ray import Cluster, RayWorker

    return RayWorker(home, Cluster(address=address, cpus=cpus, gpus=gpus), once=once, said=_say)


def _say(line: str) -> None:
    from rung.escapes import visible

    click.echo(visible(line), err=True)
