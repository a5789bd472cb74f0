"""Jobs as tasks of a Ray cluster: Ray says where and when, the home says what. The home is shared, by a path or by its database.

What runs on a node claims the job there, gives its signs of life and obeys what it is asked, as any worker does; this process only
hands jobs to Ray. Where it ends, however it ends, what it has handed out goes back to the queue.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rung import __version__
from rung.errors import BrokenEnvironment
from rung.registry.home import Home, open_home
from rung.registry.job_states import Job
from rung.registry.processes import this_process
from rung.worker.ending import after_loss
from rung.worker.loop import BEAT_S, POLL_S, REAP_S, Every, Worker, told
from rung.worker.outcome import outcome_file, read
from rung.worker.process import end_orphan
from rung.worker.reaping import Watch, reap, steady
from rung.worker.slot import GRACE_S

# More than a cluster begins at once are left in our queue, where they can be paused, and where another worker may take them.
MOST_HANDED_OUT = 100
# How long a job rests that no node has begun.
REST_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Ray cluster and what each job needs of it. `address` is `auto`, `local`, `ray://HOST:PORT` or `HOST:PORT`."""

    address: str
    cpus: float = 1.0
    gpus: float = 0.0


def run_one(home: str, job: str, lease: str, dispatcher: str) -> str:
    """Runs on a node: the job, if it still waits, until it ends or the dispatcher is gone. Gives its state then."""
    with open_home(home, write=True) as opened:
        worker = Worker(opened, only=(job, lease))
        present = Every(POLL_S, steady)

        def is_needed() -> None:
            with suppress(BrokenEnvironment):
                if present.due() and not any(one.token == dispatcher for one in opened.workers.all()):
                    worker.stop()

        worker.run(beside=is_needed)
        return opened.jobs.get(job).state


class RayWorker:
    """Hands the jobs of a home to a Ray cluster, until it is stopped or, with `once`, until all are done."""

    def __init__(self, home: Home, cluster: Cluster, *, once: bool = False, said: Callable[[str], object] = lambda _: None) -> None:
        self._home, self._cluster, self._once, self._said = home, cluster, once, said
        self._resting: dict[str, float] = {}
        self._out: dict[Any, tuple[Job, str]] = {}
        self._ended: list[Job] = []
        self._watch, self._stops = Watch(), 0
        self._beat, self._reap = Every(BEAT_S, steady), Every(REAP_S, steady)

    def stop(self) -> None:
        """Gives its jobs back; said again, does not wait for them to stop. May be called by a signal's handler."""
        self._stops += 1

    def run(self) -> list[Job]:
        """Works; gives the jobs that have ended.

        Raises BrokenEnvironment where Ray is missing or cannot be reached, and where a newer rung has taken over the home.
        """
        ray = _connected(self._cluster)
        token = self._home.workers.enter(this_process(), __version__)
        try:
            if not _has_room(ray, self._cluster):
                need = f"{self._cluster.cpus:g} processors and {self._cluster.gpus:g} GPUs"
                self._said(f"no node of the cluster has {need}: jobs wait until one comes")
            task = ray.remote(run_one).options(num_cpus=self._cluster.cpus, num_gpus=self._cluster.gpus, max_retries=0)
            while not self._stops and self._turn(ray, task, token):
                pass
        finally:
            with suppress(BrokenEnvironment):
                self._home.workers.leave(token)
            self._wait_for_all(ray)
            ray.shutdown()
        return self._ended

    def _turn(self, ray: Any, task: Any, token: str) -> bool:
        """Does what is to be done now; whether there may be more. A registry that is out of reach is waited for."""
        try:
            if self._beat.due():
                self._home.refuse_newer()
                self._home.workers.beat(token)
            if self._reap.due():
                for job in reap(self._home, self._watch):
                    self._said(f"{job.id} {told(job)}")
            left = self._hand_out(task, token)
            self._take_back(ray)
        except BrokenEnvironment as error:
            if "newer rung" in error.problem:
                raise
            self._said(f"{error.message.splitlines()[0]}; trying again")
            time.sleep(REAP_S)
            return True
        return bool(self._out or left or not self._once)

    def _hand_out(self, task: Any, token: str) -> bool:
        """Hands jobs to Ray; whether any is left that could be."""
        out = {job.id for job, _ in self._out.values()}
        fit = [job for job in self._home.jobs.queue() if job.id not in out and self._resting.get(job.id, 0.0) < steady()]
        for job in fit[: MOST_HANDED_OUT - len(out)]:
            lease = secrets.token_hex(8)
            self._out[task.remote(str(self._home.path), job.id, lease, token)] = (job, lease)
            self._said(f"{job.id} handed to Ray: rung {' '.join(job.asked.line)}")
        return bool(fit)

    def _take_back(self, ray: Any, wait_s: float = POLL_S) -> None:
        if not self._out:
            time.sleep(wait_s)
            return
        for ref in ray.wait(list(self._out), timeout=wait_s)[0]:
            job, lease = self._out[ref]
            try:
                ray.get(ref)
            except ray.exceptions.RayError as error:
                self._lost(job, lease, error)
            known = self._home.jobs.get(job.id)
            del self._out[ref]
            self._said(f"{job.id} {told(known)}")
            if known.is_final:
                self._ended += [known] if self._once else []
            elif known.attempt == job.attempt:  # where it was, it could not be begun
                self._resting[job.id] = steady() + REST_S

    def _lost(self, job: Job, lease: str, error: Exception) -> None:
        """Ray says that the node or the process that had the job is gone: nobody has to wait until it has been silent for long."""
        known = self._home.jobs.get(job.id)
        if known.token == lease and known.is_held:
            end_orphan(known.child)
            self._home.jobs.reclaim(known, after_loss(known, read(outcome_file(self._home.path, known))))
        elif known.state == "queued":
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            self._home.jobs.refused(known, f"Ray could not run it: {why}", "ray")

    def _wait_for_all(self, ray: Any) -> None:
        """The tasks have seen that this process leaves, and give their jobs back."""
        until = time.monotonic() + GRACE_S + 10
        while self._out and self._stops < 2 and time.monotonic() < until:
            with suppress(BrokenEnvironment):
                self._take_back(ray)


def _connected(cluster: Cluster) -> Any:
    try:
        ray: Any = import_module("ray")
    except ModuleNotFoundError:
        raise BrokenEnvironment("running jobs on Ray needs the package ray", hint="pip install 'rung[ray]'") from None
    alone = {"include_dashboard": False} if cluster.address == "local" else {}
    heeding = signal.getsignal(signal.SIGTERM)  # which Ray takes for itself
    try:
        ray.init(cluster.address, namespace="rung", log_to_driver=False, configure_logging=False, **alone)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise BrokenEnvironment(
            f"the Ray cluster cannot be reached: {str(error).strip().splitlines()[0]}",
            where=cluster.address,
            hint="Is it up (`ray status`), of the same version of Ray and of Python? `local` starts one on this machine.",
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, heeding)
    return ray


def _has_room(ray: Any, cluster: Cluster) -> bool:
    """Whether some node of the cluster is large enough for a job."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return any(node.get("CPU", 0) >= cluster.cpus and node.get("GPU", 0) >= cluster.gpus for node in nodes)
