"""Processes of their own that begin with all imports done: whoever kills many pays for the imports once, and hits the work.

They are forked from one server, which starts with the first and ends with the tests.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path

from undurable import forgo_durability

LOADED = ["torch", "transformers", "sklearn.linear_model", "scipy.stats", "cryptography", "sqlalchemy", "jsonschema"]
LOADED += ["rung.cli.app", "rung.climb.climb", "rung.engine.local.answering", "rung.train.loop", "rung.verify.judge"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
_context = multiprocessing.get_context("forkserver")


class Warm:
    """One process, in a session of its own, as `subprocess.Popen` has it. What it prints goes into files beside `out`."""

    def __init__(self, argv: Sequence[str], out: Path, environment: Mapping[str, str], cwd: Path | None = None) -> None:
        """argv: `rung` and its arguments, or a script and its own."""
        self._out, self._err = out, out.with_name(f"{out.name}.err")
        _serve()
        told = (list(argv), str(self._out), str(self._err), {**os.environ, **ONE_THREAD, **environment}, str(cwd or Path.cwd()))
        self._process = _context.Process(target=_run, args=told)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        """Raises subprocess.TimeoutExpired where it goes on."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it printed, once it has ended."""
        self.wait(timeout)
        return self._out.read_text(), self._err.read_text()

    def kill(self) -> None:
        """-9, to it and all that it began; returns when it is gone."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.join()

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


def _serve() -> None:
    """Start the server, with one thread: a process with several cannot be forked safely."""
    _context.set_forkserver_preload(LOADED)
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _run(argv: list[str], out: str, err: str, environment: dict[str, str], cwd: str) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, path in ((1, out), (2, err)):
        written = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(written, number)
        os.close(written)
    forgo_durability()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = argv
    if argv[0] == "rung":
        runpy.run_module("rung", run_name="__main__")
    else:
        sys.path.insert(0, str(Path(argv[0]).parent))
        runpy.run_path(argv[0], run_name="__main__")
