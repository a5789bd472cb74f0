"""What a job is, and how it may go from one state to another.

queued      waits for a worker
running     a worker has it: its process runs, or is about to
pausing     it was asked to stop for now, and its process has not ended yet
paused      stopped, until it is resumed
cancelling  it was asked to stop for good, and its process has not ended yet
cancelled   stopped for good
done        its command ended with 0 or 1: it did what it was asked for, whatever came out
failed      it could not do it, and trying again would not help
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from rung.registry.processes import Process

State = Literal["queued", "running", "pausing", "paused", "cancelling", "cancelled", "done", "failed"]
# The states in which a worker has the job, and those that nothing comes after.
HELD: tuple[State, ...] = ("running", "pausing", "cancelling")
FINAL: tuple[State, ...] = ("cancelled", "done", "failed")
# A job that a worker may not run stays queued, and says why.
MOVES: Mapping[State, tuple[State, ...]] = MappingProxyType(
    {
        "queued": ("queued", "running", "paused", "cancelled", "failed"),
        "running": ("queued", "paused", "pausing", "cancelling", "done", "failed"),
        "pausing": ("paused", "cancelling", "done", "failed"),
        "paused": ("queued", "cancelled"),
        "cancelling": ("cancelled", "done", "failed"),
        "cancelled": (),
        "done": (),
        "failed": (),
    }
)
# The form of what is asked for. A worker takes no job of another form than its own.
FORM = 1
NOBODY = Process(pid=0, host="", started="")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What a job is to do: a command of rung, in a folder.

    kind       the command (`climb`), and
    arguments  what stands behind it on the command line
    folder     where it is run: an absolute path
    settings   RUNG_* variables that are no secrets, as they were where it was submitted
    labels     what whoever submitted it wants to find it by
    host, who  where and by whom it was submitted
    version    that of the rung that submitted it
    """

    kind: str
    arguments: tuple[str, ...]
    folder: str
    settings: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    who: str = ""
    version: str = ""
    form: int = FORM

    @property
    def line(self) -> tuple[str, ...]:
        """The command line, behind `rung`."""
        return self.kind, *self.arguments


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it stands.

    id       `job-` and 16 hex digits
    number   that of its last event; who acts on it says which it has seen
    attempt  how often it was begun; `crashes` and `losses`: how often its process, and its worker, died at it
    exit     its command's exit code (of a signal, the negative of its number); None while it has not ended
    said     its last line of progress, or why it stands as it does; `tail` the last lines of its log
    ready    seconds since 1970, by the database's clock, before which it is not begun again
    token    the lease of the worker that has it; `worker` in words, `holder` and `child` that one's process and the job's own
    beats    signs of life of that lease: a number that grows
    """

    id: str
    place: int
    asked: Submission
    state: State
    number: int
    attempt: int
    crashes: int
    losses: int
    exit: int | None
    said: str
    tail: tuple[str, ...]
    ready: float
    token: str
    worker: str
    holder: Process
    child: Process
    beats: int
    created: str
    updated: str

    @property
    def is_held(self) -> bool:
        """Whether a worker has it."""
        return self.state in HELD

    @property
    def is_final(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in FINAL


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One thing that happened to a job. `cursor` grows over all jobs of a home: the next page of events comes after it.

    kind  submitted, started, pausing, paused, resumed, cancelling, cancelled, done, failed, returned (its worker stopped), crashed,
          lost (its worker died), waiting (another process is at it), refused (a worker may not run it)
    said  why, in words
    """

    cursor: int
    job: str
    number: int
    kind: str
    state: State
    attempt: int
    worker: str
    said: str
    created: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a job is to become: its next state, the kind of event that this is, and what else changes.

    wait_s   seconds before which it is not begun again
    crashes, losses  what is added to its counts
    """

    state: State
    kind: str
    said: str = ""
    exit: int | None = None
    wait_s: float = 0.0
    crashes: int = 0
    losses: int = 0
