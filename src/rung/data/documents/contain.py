"""Parsing at arm's length: a worker process with bounded memory, killed when a document takes too long."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any

from rung.data.documents.parsed import BadDocument, Parsed
from rung.data.documents.worker import read_frame, write_frame
from rung.errors import BrokenEnvironment

DOCUMENT_S = 60.0


class Contained:
    """A context in which documents are parsed, all by one worker for as long as it lives.

    The worker inherits nothing of the environment but the module path, and talks over pipes alone.
    """

    def __init__(self, document_s: float = DOCUMENT_S) -> None:
        self.document_s = document_s
        self._worker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Contained:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def parse(self, kind: str, data: bytes) -> Parsed:
        """Raises BadDocument where the document cannot be read, crashes its reader, or takes longer than `document_s`."""
        worker = self._worker or self._start()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            worker.kill()

        timer = threading.Timer(self.document_s, give_up)
        timer.start()
        try:
            answer = self._ask(worker, kind, data)
        finally:
            timer.cancel()
        if answer is None:
            self._end()
            slow = f"reading it takes more than {self.document_s:g} s"
            raise BadDocument(slow if late.is_set() else "it crashes its reader, or takes too much memory")
        if "missing" in answer:
            name = answer["missing"]
            raise BrokenEnvironment(f"reading {kind} needs the package {name}", hint="pip install 'rung[documents]'")
        if "problem" in answer:
            raise BadDocument(answer["problem"])
        return Parsed(text=answer["text"], markdown=answer["markdown"], remarks=tuple(answer["remarks"]))

    def _ask(self, worker: subprocess.Popen[bytes], kind: str, data: bytes) -> dict[str, Any] | None:
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            write_frame(worker.stdin, kind, data)
            frame = read_frame(worker.stdout)
        except OSError:
            return None
        return json.loads(frame[1]) if frame else None

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "rung.data.documents.worker"]
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self._worker = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null, env=environment)
        return self._worker

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.kill()
        for stream in (worker.stdin, worker.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        worker.wait()
