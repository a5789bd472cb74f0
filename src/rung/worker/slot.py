"""One job under way: its process, its log, its lease."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rung.registry.db import now
from rung.registry.home import Home
from rung.registry.job_states import NOBODY, Change, Job
from rung.worker.ending import Ended, after_end
from rung.worker.log import JobLog
from rung.worker.outcome import job_folder, outcome_file, read
from rung.worker.process import JobProcess, command, environment
from rung.worker.reaping import steady

# What a process may still take to put down what it has, once it was interrupted.
GRACE_S = 30.0


class Slot:
    """A job that this process has claimed. Nothing here waits."""

    def __init__(self, home: Home, job: Job, clock: Callable[[], float] = steady) -> None:
        self.job = job
        self._home, self._clock = home, clock
        self._log = JobLog(job_folder(home.path, job.id))
        self._said = self._problem = ""
        self._is_returned = False
        self._kill_at: float | None = None
        self._process: JobProcess | None = None
        self.renewed_s = clock()

    def start(self) -> None:
        """Starts the process. Raises UserError where the lease is lost, BrokenEnvironment where the registry cannot be reached."""
        again = f", attempt {self.job.attempt}" if self.job.attempt > 1 else ""
        self._log.write(f"--- rung {' '.join(self.job.asked.line)}{again}, by {self.job.worker}, {now()[:19]} UTC")
        outcome = outcome_file(self._home.path, self.job)
        try:
            outcome.parent.mkdir(parents=True, exist_ok=True)
            for older in outcome.parent.glob("outcome-*"):
                older.unlink()
            arguments, variables = command(outcome, self.job.asked.line), environment(self._home.path, self.job.asked.settings)
            self._process = JobProcess(arguments, Path(self.job.asked.folder), variables)
        except OSError as error:
            self._problem = f"its process could not be started: {error.strerror or error}"
            self._log.write(self._problem)
            return
        self.renew()

    @property
    def streams(self) -> list[int]:
        """What its process writes to, for `select`."""
        return self._process.streams if self._process else []

    def pump(self) -> None:
        """Takes what its process has written; ends it where its time to stop is over."""
        if self._process is None:
            return
        self._keep(self._process.read())
        if self._kill_at is not None and self._clock() >= self._kill_at:
            self._process.kill()

    def _keep(self, lines: list[tuple[str, bool]]) -> None:
        for line, is_progress in lines:
            self._log.write(line)
            if line.strip() and is_progress:
                self._said = line.strip()

    def stop(self, *, returned: bool = False) -> None:
        """Interrupts its process, once; where it has not ended after GRACE_S, it is killed."""
        self._is_returned = self._is_returned or returned
        if self._process is not None and self._kill_at is None:
            self._kill_at = self._clock() + GRACE_S
            self._process.interrupt()

    def kill(self) -> None:
        """Ends its process at once."""
        if self._process is not None:
            self._process.kill()

    @property
    def has_ended(self) -> bool:
        """Whether its process has, or was never there."""
        return self._process is None or self._process.ended() is not None

    def renew(self) -> None:
        """Gives a sign of life, and obeys what the job was asked meanwhile. Raises UserError where the lease is lost."""
        child = self._process.identity if self._process else NOBODY
        self.job = self._home.jobs.renew(self.job, child, self._said, list(self._log.tail))
        self.renewed_s = self._clock()
        self.obey(self.job)

    def obey(self, known: Job) -> None:
        """Stops its process where the job, as it stands, is to be paused or cancelled."""
        if known.state in ("pausing", "cancelling"):
            self.stop()

    def finish(self) -> Job:
        """Writes down what has become of the job; gives it as it stands then. Raises UserError where the lease is lost."""
        code = self._process.ended() if self._process else None
        self._keep(self._process.drain() if self._process else [])
        ended = Ended(
            code=code,
            outcome=read(outcome_file(self._home.path, self.job)) if self._process else None,
            said=self._problem or self._said,
            is_returned=self._is_returned,
        )

        def change(known: Job) -> Change:
            return after_end(known, ended)

        self.job = self._home.jobs.end(self.job, change, list(self._log.tail))
        if self.job.said and self.job.state != "done":
            self._log.write(f"--- {self.job.state}: {self.job.said}")
        return self.job

    def close(self) -> None:
        """Lets go of the process; one that still runs is ended."""
        if self._process is not None:
            self._process.close()
