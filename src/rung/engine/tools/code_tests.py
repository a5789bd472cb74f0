"""Code that nobody has read, put to tests: processes that wait for checks, and one answer for each check."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rung.engine.tools import confine
from rung.engine.tools.peers import MORE_S, OUT_OF_TIME, UNFINISHED, WALL
from rung.errors import BrokenEnvironment

AT_ONCE = 2
_WORKER = Path(__file__).parent / "code_worker.py"
# Beyond the code's own time by the clock: the worker ends what is too slow long before.
_GRACE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a program is given to read, and what it must print."""

    given: str
    output: str


@dataclass(frozen=True, kw_only=True)
class CodeCheck:
    """One answer's code and what it must hold against.

    setup     what both the code and the tests may rely on
    names     what of the code the tests may use; everything else that it defines they do not see
    tests     Python texts, each run in order; or what the program prints, given a text
    entry_point  the name that a test's `check(candidate)` is called with; "" where there is none
    seconds   of the processor's time; `memory_mb` of address space
    """

    program: str
    names: tuple[str, ...]
    tests: tuple[str | Printed, ...]
    setup: str = ""
    entry_point: str = ""
    seconds: float = 5.0
    memory_mb: int = 512


@dataclass(frozen=True, kw_only=True)
class CodeVerdict:
    """Whether all tests passed, and the first reason why not."""

    passed: bool
    reason: str = ""


@cache
def lacking() -> str:
    """Why code cannot be run on this machine, in words; empty where it can."""
    return confine.lacking()


def check_all(checks: Sequence[CodeCheck]) -> list[CodeVerdict]:
    """The verdict on each, a few side by side. Raises BrokenEnvironment where code cannot be confined here."""
    if reason := lacking():
        raise BrokenEnvironment(reason, hint="Run it on Linux, in a container or a virtual machine; or choose another scorer.")
    if len(checks) < 2:
        return [_with_worker(check) for check in checks]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(_with_worker, checks))


class _Worker:
    """A process that waits for checks."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-B", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    def check(self, job: bytes, seconds: float) -> dict[str, Any] | None:
        """What it says; None where it says nothing, after which it is of no more use."""
        try:
            self._to.write(b"+" + len(job).to_bytes(8, "big") + job)
            self._to.flush()
            line = self._line(time.monotonic() + seconds)
            said = json.loads(line)
        except (OSError, ValueError):
            return None
        return said if isinstance(said, dict) else None

    def _line(self, deadline: float) -> bytes:
        got = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self._from, selectors.EVENT_READ)
            while not got.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
                if ready.select(left):
                    part = os.read(self._from.fileno(), 65536)
                    if not part:
                        break
                    got += part
        return bytes(got)

    def end(self) -> None:
        """Ends it, and by that whatever it was running."""
        if self.owner != os.getpid():
            return
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):
                pipe.close()


_idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()


def _with_worker(check: CodeCheck) -> CodeVerdict:
    worker = _take()
    said = worker.check(json.dumps(_job(check)).encode(), 2 * check.seconds + _GRACE_S)
    if said is None or said.get("reason") == UNFINISHED:  # it may not have read all that it was sent
        worker.end()
        return CodeVerdict(passed=False, reason=UNFINISHED)
    _idle.put(worker)
    return CodeVerdict(passed=said["passed"] is True, reason=_in_words(said, check))


def _take() -> _Worker:
    try:
        while (worker := _idle.get_nowait()).owner != os.getpid():
            pass  # a process that was forked has its parent's workers, and must not speak with them
    except queue.Empty:
        return _Worker()
    return worker


def _job(check: CodeCheck) -> dict[str, Any]:
    return {
        "program": check.program,
        "setup": check.setup,
        "names": list(check.names),
        "tests": [test if isinstance(test, str) else {"input": test.given, "output": test.output} for test in check.tests],
        "entry_point": check.entry_point,
        "seconds": check.seconds,
        "memory_mb": check.memory_mb,
    }


def _in_words(said: Mapping[str, Any], check: CodeCheck) -> str:
    if said["signal"] in (signal.SIGXCPU, signal.SIGKILL):
        return f"the code took more than {check.seconds:g} seconds"
    if said["reason"] == OUT_OF_TIME:
        return f"the code took more than {WALL * check.seconds + MORE_S:g} seconds by the clock"
    if said["signal"]:
        return f"the code crashed ({signal.Signals(said['signal']).name})"
    return str(said["reason"])


@atexit.register
def _end_all() -> None:
    while True:
        try:
            _idle.get_nowait().end()
        except queue.Empty:
            return
