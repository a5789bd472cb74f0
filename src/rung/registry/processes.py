"""Who a process is, and whether it still runs: its number alone does not say, since the kernel gives numbers out again."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

GONE = ("Z", "X")
# Fields of /proc/PID/stat after the name, which ends with the last bracket: the state is the first, the start time the twentieth.
STATE, START = 0, 19


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process of a machine. `started` is the machine's boot, where its numbers are counted (a container counts its own), and the
    process's start after the boot, with `/` between; "" where that cannot be known."""

    pid: int
    host: str
    started: str


def this_process() -> Process:
    """The one that asks."""
    return process_of(os.getpid())


def runs(process: Process) -> bool | None:
    """Whether it still runs; None where that cannot be known: on another machine or in another container, which may bear the same
    name as this one; before the last boot; or where its number may be another's by now."""
    if process.host != socket.gethostname() or (process.started and _place_of(process.started) != _place()):
        return None
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and another user's
    started = _started(process.pid)
    if not started or not process.started:
        return None
    return started == process.started and _stat(process.pid)[STATE] not in GONE


def process_of(pid: int) -> Process:
    """The process of this machine that has this number now."""
    return Process(pid=pid, host=socket.gethostname(), started=_started(pid))


def _started(pid: int) -> str:
    stat, place = _stat(pid), _place()
    return f"{place}/{stat[START]}" if len(stat) > START and place else ""


def _place() -> str:
    """This boot of this machine, and the namespace in which its processes are numbered; "" where there is no /proc."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text('ascii').strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _place_of(started: str) -> str:
    return started.rpartition("/")[0]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
