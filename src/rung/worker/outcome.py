"""How a job's process ended, in its own words: a file beside its log, which outlives the worker that waited for it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rung.disk import write_whole
from rung.errors import BrokenEnvironment, Busy, RungError, UserError
from rung.registry.job_states import Job

Fault = Literal["", "user", "busy", "environment"]
LONGEST = 2000


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An exit code, and what went wrong: by the user's input, by another process that is at it, by the machine or rung itself."""

    code: int
    fault: Fault = ""
    said: str = ""


def outcome_of(code: int, error: RungError | None) -> Outcome:
    """What a command's exit code and the error that it ended with make."""
    if error is None:
        return Outcome(code=code)
    fault: Fault = "busy" if isinstance(error, Busy) else "user" if isinstance(error, UserError) else "environment"
    return Outcome(code=code, fault=fault, said=error.message[:LONGEST])


def outcome_file(home: Path, job: Job) -> Path:
    """Where the process of a job's present attempt leaves it."""
    return job_folder(home, job.id) / f"outcome-{job.attempt}.json"


def job_folder(home: Path, job: str) -> Path:
    """Where a job's log and outcomes lie."""
    return home / "jobs" / job


def write(file: Path, outcome: Outcome) -> None:
    """Leaves it; where the disk refuses, there is none."""
    with suppress(BrokenEnvironment):
        write_whole(file, json.dumps(asdict(outcome)))


def read(file: Path) -> Outcome | None:
    """The outcome that a process has left; None where it left none."""
    try:
        return Outcome(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
