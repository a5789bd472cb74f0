"""Jobs whose worker is dead: found, their processes ended, given back to the queue."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection

from rung.registry.home import Home
from rung.registry.job_states import Job
from rung.registry.processes import runs
from rung.worker.ending import after_loss
from rung.worker.outcome import outcome_file, read
from rung.worker.process import end_orphan

# A worker of another machine is dead when it has given no sign of life for so long; it lets go of its jobs itself before that.
STALE_S = 60.0


def steady() -> float:
    """Seconds of a clock that never goes back, and goes on while the machine sleeps, where there is such a clock: for whoever holds
    something. Who waits for another to let go counts by a clock that sleeps as well: the other may be asleep with it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Watch:
    """Looks at the leases of others, again and again, and says which have ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[str, int, float]] = {}

    def dead(self, jobs: Collection[Job]) -> list[Job]:
        """Those of the jobs that workers have whose worker is dead: known to be, or silent for too long since it was first seen."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in {job.id for job in jobs}}
        return [job for job in jobs if self._is_dead(job)]

    def _is_dead(self, job: Job) -> bool:
        known = runs(job.holder)
        if known is not None:
            return not known
        token, beats, since = self._seen.get(job.id, ("", 0, 0.0))
        if (token, beats) != (job.token, job.beats):
            self._seen[job.id] = (job.token, job.beats, self._clock())
            return False
        return self._clock() - since >= STALE_S


def reap(home: Home, watch: Watch, mine: Collection[str] = ()) -> list[Job]:
    """Takes their jobs from workers that are dead; gives them as they stand then. `mine` are leases that are left alone."""
    taken = []
    for job in watch.dead([job for job in home.jobs.held() if job.token not in mine]):
        here = job.child.host == os.uname().nodename
        if here and runs(job.child) and not end_orphan(job.child):
            continue
        outcome = read(outcome_file(home.path, job))
        if (known := home.jobs.reclaim(job, after_loss(job, outcome))) is not None:
            taken.append(known)
    return taken


def is_orphaned(job: Job) -> bool:
    """Whether a worker has the job that is known to be dead."""
    return job.is_held and runs(job.holder) is False
