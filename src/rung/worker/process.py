"""A job's process: the leader of a session of its own, so that Ctrl-C at the worker's terminal is the worker's alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rung.registry.processes import Process, process_of, runs
from rung.registry.submission import SETTINGS
from rung.worker.lines import Secrets, Splitter

CHUNK = 65_536
# What a new home is asked to be; this one is there, and says itself where it has everything.
SETTLED = ("RUNG_DATABASE", "RUNG_BLOBS")
GONE_S, DRAIN_S, KILLED_S = 10.0, 2.0, 5.0


def command(outcome: Path, line: Sequence[str]) -> list[str]:
    """What is started for a command line of rung. Nothing is imported from the folder in which it runs."""
    return [sys.executable, "-P", "-m", "rung.worker.child", str(outcome), *line]


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """That of a job: the worker's own, with the settings of the job in place of the worker's."""
    kept = {name: value for name, value in os.environ.items() if name not in (*SETTINGS, *SETTLED)}
    paths = [str(Path(path).absolute()) for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    if paths:
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    allowed = {name: value for name, value in settings.items() if name in SETTINGS}
    return kept | {"RUNG_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"} | allowed


class JobProcess:
    """A process that was started for a job. Raises OSError where it cannot be."""

    def __init__(self, arguments: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._popen = subprocess.Popen(arguments, cwd=folder, env=variables, start_new_session=True, **pipes)  # type: ignore[call-overload]
        self.identity = process_of(self._popen.pid)
        secrets = Secrets(variables)
        self._streams = {pipe.fileno(): Splitter(secrets) for pipe in (self._popen.stdout, self._popen.stderr)}
        self._errors = self._popen.stderr.fileno()
        for stream in self._streams:
            os.set_blocking(stream, False)

    @property
    def streams(self) -> list[int]:
        """The pipes that it may still write to, for `select`."""
        return list(self._streams)

    def read(self) -> list[tuple[str, bool]]:
        """The lines that have come since, each with whether it is one of progress (standard error)."""
        lines: list[tuple[str, bool]] = []
        for stream in select.select(self.streams, [], [], 0)[0]:
            splitter = self._streams[stream]
            data = os.read(stream, CHUNK)
            found = splitter.feed(data) if data else splitter.rest()
            lines += [(line, stream == self._errors) for line in found]
            if not data:
                del self._streams[stream]
        return lines

    def drain(self) -> list[tuple[str, bool]]:
        """What is left in its pipes once it has ended. What it may have started in another session is not waited for."""
        lines, until = [], time.monotonic() + DRAIN_S
        while self._streams and time.monotonic() < until and select.select(self.streams, [], [], 0)[0]:
            lines += self.read()
        for stream, splitter in self._streams.items():
            lines += [(line, stream == self._errors) for line in splitter.rest()]
        self._streams.clear()
        return lines

    def ended(self) -> int | None:
        """Its exit code (the negative of a signal's number); None while it runs. What it had started ends with it."""
        if self._popen.returncode is None and _has_ended(self._popen.pid):
            self.signal_all(signal.SIGKILL)  # its number is not given out again while it has not been waited for
            self._popen.wait()
        code: int | None = self._popen.returncode
        return code

    def interrupt(self) -> None:
        """Ctrl-C."""
        if self.ended() is None:
            self._popen.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it and all that it has started, at once."""
        if self._popen.returncode is None:
            self.signal_all(signal.SIGKILL)

    def signal_all(self, sent: signal.Signals) -> None:
        """Sends a signal to it and to all that it has started in its session."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, sent)

    def close(self) -> None:
        """Ends it where it still runs, and lets go of its pipes."""
        if self.ended() is None:
            self.kill()
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(KILLED_S)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            with suppress(OSError):
                pipe.close()


def end_orphan(process: Process) -> bool:
    """Ends a job's process whose worker is gone, with all that it has started; whether it is known to be gone."""
    known = runs(process) if process.pid else False
    if known:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        until = time.monotonic() + GONE_S
        while (known := runs(process)) and time.monotonic() < until:
            time.sleep(0.02)
    return known is False


def _has_ended(pid: int) -> bool:
    if not hasattr(os, "waitid"):  # where there is none, its number may be given out while its session is still being ended
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # somebody else has waited for it
        return True
