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
    """A process of a machine. `started` is the machine's boot and the process's start after it; "" where that cannot be known."""

    pid: int
    host: str
    started: str


def this_process() -> Process:
    """The one that asks."""
    return Process(pid=os.getpid(), host=socket.gethostname(), started=_started(os.getpid()))


def runs(process: Process) -> bool | None:
    """Whether it still runs; None where that cannot be known: on another machine, or where its number may be another's by now."""
    if process.host != socket.gethostname():
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


def _started(pid: int) -> str:
    stat, boot = _stat(pid), Path("/proc/sys/kernel/random/boot_id")
    return f"{boot.read_text('ascii').strip()}/{stat[START]}" if len(stat) > START and boot.exists() else ""


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
