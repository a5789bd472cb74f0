"""The worker: claims jobs, keeps each in a slot, gives signs of life, obeys what is asked of them, and gives back what it has.

One thread that never waits long. Where the registry cannot be reached its jobs go on, until others may take them to be lost; then
it ends them itself.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rung import __version__
from rung.errors import BrokenEnvironment, UserError
from rung.registry.home import Home
from rung.registry.job_states import FORM, Job
from rung.registry.processes import this_process
from rung.worker.ending import Ended, after_end
from rung.worker.log import prune
from rung.worker.reaping import Watch, reap, steady
from rung.worker.slot import Slot
from rung.worker.submitting import check

POLL_S, REAP_S, BEAT_S = 1.0, 3.0, 10.0
# Without a sign of life that was heard for so long, a job is let go: before others may take it to be lost.
LET_GO_S = 40.0
# With `once`: how long a registry that cannot be reached is waited for.
GIVE_UP_S = 60.0


class Every:
    """Says whether it is time again."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock, self._next = seconds, clock, clock()

    def due(self) -> bool:
        """Whether `seconds` have gone since it last said so."""
        if self._clock() < self._next:
            return False
        self._next = self._clock() + self._seconds
        return True


class Worker:
    """Runs the jobs of a home, `slots` at a time.

    once  until the queue is empty
    only  (a job's id, a lease's token): that job and no other
    said  is told what happens, a line each
    """

    def __init__(
        self,
        home: Home,
        *,
        slots: int = 1,
        once: bool = False,
        only: tuple[str, str] | None = None,
        said: Callable[[str], object] = lambda _: None,
        clock: Callable[[], float] = steady,
    ) -> None:
        self._home, self._most, self._once, self._only = home, slots, once or only is not None, only
        self._said, self._clock = said, clock
        self._process = this_process()
        self.name = f"pid {self._process.pid} on {socket.gethostname()}"
        self._slots: list[Slot] = []
        self._watch = Watch()
        self._left: list[Job] = []
        self._refused: set[str] = set()
        self._is_idle = False  # whether the queue has held nothing that this worker would run
        self._stops = 0
        self._trouble_s: float | None = None
        self._ended: list[Job] = []
        self._poll, self._reap, self._beat = (Every(seconds, clock) for seconds in (POLL_S, REAP_S, BEAT_S))

    def stop(self) -> None:
        """Gives its jobs back as soon as they have stopped; said again, ends them at once. May be called by a signal's handler."""
        self._stops += 1

    def run(self, beside: Callable[[], object] = lambda: None) -> list[Job]:
        """Works until it is stopped; with `once` until nothing is left to do, and gives the jobs that have ended. `beside` is
        called again and again.

        Raises BrokenEnvironment where a newer rung has taken over the home, and with `once` where the registry stays out of reach.
        """
        token = self._home.workers.enter(self._process, __version__) if self._only is None else ""
        try:
            while self._turn(token):
                self._wait()
                beside()
        finally:
            for slot in self._slots:
                slot.close()
            with suppress(BrokenEnvironment):
                self._home.workers.leave(token)
        return self._ended

    def _turn(self, token: str) -> bool:
        """Does what is to be done now; whether there may be more."""
        self._tend()
        if self._beat.due():
            self._try(lambda: self._give_signs(token))
        polled = self._poll.due()
        if polled and (self._slots or self._left):
            self._try(self._obey)
        finished = [slot for slot in self._slots if slot.has_ended]
        for slot in finished if polled or self._trouble_s is None else ():
            self._finish(slot)
        self._let_go()
        if self._stops:
            return bool(self._slots) or (bool(self._left) and self._try(self._give_back))
        if self._reap.due() and self._only is None:
            self._try(self._reap_others)
        if (polled or finished) and len(self._slots) < self._most:
            reached = self._try(self._fill)
            return bool(self._slots or self._left) or not (self._once and reached and self._is_idle)
        return True

    def _tend(self) -> None:
        for slot in self._slots:
            slot.pump()
            if self._stops:
                slot.stop(returned=True)
            if self._stops > 1:
                slot.kill()

    def _wait(self) -> None:
        streams = [stream for slot in self._slots for stream in slot.streams]
        select.select(streams, [], [], 0.05 if self._slots else 0.2)

    def _try(self, act: Callable[[], object]) -> bool:
        """Does something with the registry; whether it could be reached. What cannot be done now is tried again later."""
        try:
            act()
        except BrokenEnvironment as error:
            if self._trouble_s is None:
                self._trouble_s = self._clock()
                self._said(f"{error.message.splitlines()[0]}; trying again")
            if self._once and not self._slots and self._clock() - self._trouble_s > GIVE_UP_S:
                raise
            return False
        self._trouble_s = None
        return True

    def _give_signs(self, token: str) -> None:
        for slot in list(self._slots):
            self._of(slot, slot.renew)
        if token and not self._home.workers.beat(token):
            self._said("this worker was taken for dead; it goes on")
        self._refuse_newer()

    def _give_back(self) -> None:
        """Jobs that were let go, where nobody has taken them: this worker lives, so that nobody would."""
        ended = Ended(code=None, outcome=None, said="the registry was out of reach", is_returned=True)
        while self._left:
            with suppress(UserError):
                self._home.jobs.end(self._left[0], lambda known: after_end(known, ended))
            del self._left[0]

    def _refuse_newer(self) -> None:
        try:
            self._home.refuse_newer()
        except BrokenEnvironment as error:
            if self._stops == 0 and "newer rung" in error.problem:
                self._said(f"{error.problem}; this worker stops")
                self.stop()
                return
            raise

    def _obey(self) -> None:
        self._give_back()
        known = {job.token: job for job in self._home.jobs.held([slot.job.token for slot in self._slots])}
        for slot in list(self._slots):
            if slot.job.token in known:
                slot.obey(known[slot.job.token])
            else:
                self._lost(slot, f"{slot.job.id}: its lease is lost")

    def _of(self, slot: Slot, act: Callable[[], object]) -> bool:
        """Does something for a slot; False where its lease is lost: then its process is ended."""
        try:
            act()
        except UserError as error:
            self._lost(slot, error.problem)
            return False
        return True

    def _lost(self, slot: Slot, why: str) -> None:
        self._said(why)
        slot.close()
        self._slots.remove(slot)

    def _let_go(self) -> None:
        for slot in list(self._slots):
            if self._clock() - slot.renewed_s > LET_GO_S:
                self._lost(slot, f"{slot.job.id}: the registry was out of reach for {LET_GO_S:g} s; it is left to others")
                self._left.append(slot.job)

    def _finish(self, slot: Slot) -> None:
        if not self._try(lambda: self._of(slot, slot.finish)) or slot not in self._slots:
            return
        self._slots.remove(slot)
        slot.close()
        job = slot.job
        self._said(f"{job.id} {told(job)}")
        if job.is_final:
            self._ended += [job] if self._once else []
            self._try(lambda: prune(self._home.path, self._is_over))

    def _is_over(self, job: str) -> bool:
        try:
            return self._home.jobs.get(job).is_final
        except UserError:
            return True

    def _reap_others(self) -> None:
        for job in reap(self._home, self._watch, [slot.job.token for slot in self._slots]):
            self._said(f"{job.id} {told(job)}")

    def _fill(self) -> None:
        while len(self._slots) < self._most and not self._stops:
            token = self._only[1] if self._only else ""
            job = self._home.jobs.claim(self._process, self.name, self._fits, token=token)
            if job is None:
                self._is_idle = not any(self._fits(job) for job in self._home.jobs.queue())
                return
            self._is_idle = False
            slot = Slot(self._home, job, self._clock)
            self._slots.append(slot)
            self._said(f"{job.id} started: rung {' '.join(job.asked.line)}")
            self._of(slot, slot.start)
            if self._only:
                self._refused.add(job.id)

    def _fits(self, job: Job) -> bool:
        """Whether this worker may run a job; where it may not, that is written down, once."""
        if self._only is not None and job.id != self._only[0]:
            return False
        if job.id in self._refused:
            return False
        why = reason_against(job)
        if why and job.asked.form == FORM and job.asked.host == socket.gethostname() and not Path(job.asked.folder).is_dir():
            self._home.jobs.failed(job, why)
        elif why:
            self._home.jobs.refused(job, why, self.name)
        if why:
            self._refused.add(job.id)
            self._said(f"{job.id} not run: {why}")
        return not why


def reason_against(job: Job) -> str:
    """Why a job cannot be run here; "" where it can. What another version of rung has asked for may be unknown to this one."""
    asked = job.asked
    if asked.form != FORM:
        return f"rung {asked.version} submitted it, in a form that rung {__version__} does not know"
    if asked.version != __version__:
        try:
            check(asked.line)
        except UserError as error:
            return f"rung {asked.version} submitted it, and rung {__version__} cannot run it: {error.problem}"
    if not Path(asked.folder).is_dir():
        return f"its folder {asked.folder} is not on {socket.gethostname()}"
    return ""


def told(job: Job) -> str:
    """What became of a job, for a line of a worker's own log."""
    code = f" (exit code {job.exit})" if job.exit and job.is_final else ""
    why = f": {job.said.splitlines()[0]}" if job.said else ""
    return f"{job.state}{code}{why}"
