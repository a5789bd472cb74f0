"""One tool process, contained: time, memory, output, processes; an empty folder of its own; nothing inherited but the search path.

This holds accidents and runaways. It is no jail: the process has its user's rights to files and network, so tools are code that the
task's author trusts as much as the task itself. What the model may make them do is `tools/box.py`'s business.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.engine.tools import guard
from rung.parts import CallLimits

# Beyond the tool's own time: for the guard to start, and to end what is left.
GRACE_S = 10.0
# What the client of a tool server takes itself, beside the server.
_CLIENT_MB = 128
_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it: a JSON value, or the reason why there is none; `refused` says that it is the arguments'."""

    value: Any = None
    fault: str = ""
    refused: bool = False
    seconds: float = 0.0


def run_worker(
    worker: str, job: Mapping[str, Any], files: Path | None, limits: CallLimits, *, seconds: float | None = None
) -> Outcome:
    """Run `python_worker` or `mcp_worker` on a job, in a fresh copy of `files`. Never raises for what the tool does."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rung-tool-", ignore_cleanup_errors=True) as folder:
        room = Path(folder) / "files"
        if files is None:
            room.mkdir()
        else:
            shutil.copytree(files, room, copy_function=shutil.copyfile)
        allowed_s = limits.seconds if seconds is None else seconds
        output, code = _guarded(worker, {**job, "cwd": str(room)}, room, limits, allowed_s)
    took = time.monotonic() - began
    if code:
        return Outcome(fault=_words(code, limits, allowed_s), seconds=took)
    try:
        said = json.loads(output)
    except ValueError:
        return Outcome(fault="the tool ended without a result", seconds=took)
    if not isinstance(said, dict) or not said.keys() & {"result", "error", "refused"}:
        return Outcome(fault="the tool wrote something else in place of its result", seconds=took)
    if "refused" in said:
        return Outcome(fault=str(said["refused"]), refused=True, seconds=took)
    return Outcome(fault=str(said["error"]), seconds=took) if "error" in said else Outcome(value=said["result"], seconds=took)


def _guarded(worker: str, job: Mapping[str, Any], room: Path, limits: CallLimits, seconds: float) -> tuple[bytes, int]:
    """(what was written, how it ended: the guard's exit code, or -1 for too much output)."""
    config = {
        "argv": [sys.executable, "-s", "-P", "-B", str(_HERE / f"{worker}.py")],
        "seconds": seconds,
        # Servers of other runtimes reserve address space by the gigabyte: of theirs only what is in use counts.
        "memory_bytes": limits.memory_mb << 20 if worker == "python_worker" else 0,
        "resident_bytes": 0 if worker == "python_worker" else (limits.memory_mb + _CLIENT_MB) << 20,
        "file_bytes": 64 << 20,
        "processes": limits.processes if worker == "python_worker" else 64,
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_HERE / "guard.py"), json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=room,
        env=_environment(room),
        start_new_session=True,
    )
    try:
        output = _exchange(process, json.dumps(job).encode(), limits.output_kb << 10, time.monotonic() + seconds + GRACE_S)
        if output is None:
            return b"", -1
        return output, process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        return b"", guard.OUT_OF_TIME
    finally:
        _end(process)


def _exchange(process: subprocess.Popen[bytes], job: bytes, most: int, deadline: float) -> bytes | None:
    """Hand over the job and read to the end; None for more than `most` bytes. Raises TimeoutExpired."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(job)
        process.stdin.close()
    except BrokenPipeError:
        pass
    got = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if ready.select(left):
                part = os.read(process.stdout.fileno(), 65536)
                if not part:
                    return bytes(got)
                got += part
                if len(got) > most:
                    return None
    raise subprocess.TimeoutExpired(process.args, 0)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A guard that is still there is told to end, so that it can end what it guards; one that does not is killed."""
    if process.stdout:
        process.stdout.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(room: Path) -> dict[str, str]:
    names = {"HOME": str(room), "TMPDIR": str(room), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    return names | {"PATH": os.environ.get("PATH", os.defpath)}


def _words(code: int, limits: CallLimits, seconds: float) -> str:
    if code == -1:
        return f"the tool wrote more than {limits.output_kb} KiB"
    if code == guard.OUT_OF_TIME or code == guard.SIGNALLED + 24:
        return f"the tool took more than {seconds:g} seconds"
    if code == guard.TOO_LARGE:
        return f"the tool took more than {limits.memory_mb} MiB of memory"
    if code == guard.TOO_MANY:
        return f"the tool started more than {limits.processes} processes"
    return f"the tool was ended by signal {code - guard.SIGNALLED}" if code > guard.SIGNALLED else "the tool crashed"
