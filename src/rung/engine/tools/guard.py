"""Stands between Rung and one tool process: holds it to its limits and leaves nothing of it running. Standard library only.

Run as `python -I -S guard.py '{"argv": [...], "seconds": s, "memory_bytes": n, "file_bytes": n, "processes": n}'`. The tool's
standard input and output are the guard's. The exit code tells how it ended: 0, 3 (its own failure), 123 (memory), 124 (time),
125 (too many processes), or 64 plus a signal's number. `memory_bytes` of address space are each process's limit, `resident_bytes`
of memory in use that of all together; 0 sets none.

The guard makes itself the parent of every orphan among its descendants (Linux's child subreaper), so that a tool that forks and
starts a session of its own does not outlive its call. Elsewhere than on Linux only the tool's process group is ended.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import resource
import signal
import sys
import time
from typing import Any

FAILED, TOO_LARGE, OUT_OF_TIME, TOO_MANY, SIGNALLED = 3, 123, 124, 125, 64
_PARENT_DIED, _SUBREAPER = 1, 36  # PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
_LONGEST_NAP_S = 0.02
# Room for the threads that numerical libraries start, and for what else the user starts meanwhile.
_THREADS = 256


def main() -> int:
    """Start the tool, watch it, and end whatever is left of it."""
    config = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OUT_OF_TIME))
    _adopt_orphans()
    tool = os.fork()
    if tool == 0:
        _become(config)
    try:
        return _watch(tool, config)
    finally:
        _end_all(tool)


def _adopt_orphans() -> None:
    _tell_kernel(_SUBREAPER, 1)


def _tell_kernel(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _become(config: dict[str, Any]) -> None:
    """Never returns: this process becomes the tool's."""
    try:
        os.setsid()
        # A tool that kills its guard goes with it.
        _tell_kernel(_PARENT_DIED, signal.SIGKILL)
        limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: int(config["seconds"]) + 1}
        if config.get("memory_bytes"):
            limits |= {resource.RLIMIT_AS: config["memory_bytes"], resource.RLIMIT_FSIZE: config["file_bytes"]}
            # The kernel counts by user, threads too, and not at all for root: this stops a flood, the watch counts exactly.
            limits[resource.RLIMIT_NPROC] = _tasks_of_user() + config["processes"] + _THREADS
        for what, most in limits.items():
            resource.setrlimit(what, (most, most))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.execv(config["argv"][0], config["argv"])
    finally:
        os._exit(FAILED)


def _tasks_of_user() -> int:
    """Threads of all processes of this user; 0 where /proc does not tell."""
    found = 0
    for folder in glob.iglob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            if os.stat(folder).st_uid == os.getuid():
                found += len(os.listdir(f"{folder}/task"))
    return found


def _watch(tool: int, config: dict[str, Any]) -> int:
    deadline, nap = time.monotonic() + config["seconds"], 0.001
    while time.monotonic() < deadline:
        ended, status = _reap(tool)
        if ended:
            return _told(status)
        below = _descendants()
        if len(below) > config["processes"]:
            return TOO_MANY
        if config.get("resident_bytes") and _resident(below) > config["resident_bytes"]:
            return TOO_LARGE
        time.sleep(nap)
        nap = min(nap * 1.5, _LONGEST_NAP_S)
    return OUT_OF_TIME


def _reap(tool: int) -> tuple[bool, int]:
    """Collect what has ended. (whether the tool has, its status)"""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True, FAILED << 8
        if pid in (0, tool):
            return pid == tool, status


def _told(status: int) -> int:
    if os.WIFSIGNALED(status):
        return SIGNALLED + os.WTERMSIG(status)
    return FAILED if os.WEXITSTATUS(status) else 0


def _descendants() -> list[int]:
    """Every process below this one, by the parents that /proc tells."""
    children: dict[int, list[int]] = {}
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(name))
    found, waiting = [], [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _resident(pids: list[int]) -> int:
    """Bytes in memory that are these processes' own: what they share (libraries) would count once for each."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{pid}/statm", "rb") as file:
                pages = file.read().split()
            total += (int(pages[1]) - int(pages[2])) * resource.getpagesize()
    return total


def _end_all(tool: int) -> None:
    """Stop every descendant before killing any, so that none can fork meanwhile; again until none is left."""
    with contextlib.suppress(OSError):
        os.killpg(tool, signal.SIGKILL)
    for _ in range(1000):
        left = _descendants()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


if __name__ == "__main__":
    sys.exit(main())
