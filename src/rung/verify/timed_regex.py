"""Regular expressions of the user's on texts of a model's, bounded in time: some patterns take for ever on some texts.

Python cannot stop a search under way, so that what could take long is searched in a process of its own, which can be ended. A
search is short where the most steps that its repeats could take are few, which is so for most patterns on most answers.
"""

from __future__ import annotations

import atexit
import json
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

SECONDS = 3.0
MOST_STEPS = 20_000_000
_PROGRAM = """
import json, re, sys
from collections import deque
for line in sys.stdin:
    pattern, flags, text = json.loads(line)
    compiled = re.compile(pattern, flags)
    found = deque(compiled.finditer(text), maxlen=1)
    print(json.dumps(found[0][compiled.groups] or "" if found else None), flush=True)
"""


class TooSlow(Exception):
    """The search did not end within SECONDS."""


def find_last(pattern: str, flags: int, text: str) -> str | None:
    """The group of the last place that a pattern finds (the place itself where it has none); None where it finds nothing.

    Raises TooSlow.
    """
    if _most_steps(pattern, len(text)) <= MOST_STEPS:
        compiled = _compiled(pattern, flags)
        found = deque(compiled.finditer(text), maxlen=1)
        return found[0][compiled.groups] or "" if found else None
    return _worker.find(pattern, flags, text)


@lru_cache(maxsize=64)
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(pattern, flags)


def _most_steps(pattern: str, length: int) -> float:
    """A bound on the steps of a search: each repeat, and the place where it begins, may multiply them by the text's length."""
    repeats, nested = _repeats(pattern)
    return float("inf") if nested and length > 20 else float(length + 1) ** min(repeats + 1, 30)


@lru_cache(maxsize=64)
def _repeats(pattern: str) -> tuple[int, bool]:
    """(how many repeats without a small bound there are, whether one, or a choice, stands within another)."""
    found = list(_walk(_parser.parse(pattern), 0))
    return len(found), any(found)


def _walk(part: Any, outer: int) -> Iterator[bool]:
    """For each repeat of a parsed pattern whether it stands within another; a choice within one may be made as often."""
    if isinstance(part, _parser.SubPattern):
        for code, argument in part:
            if code in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[1] > 9:
                yield outer > 0
                yield from _walk(argument[2], outer + 1)
            else:
                if code is sre.BRANCH and outer:
                    yield True
                yield from _walk(argument, outer)
    elif isinstance(part, tuple | list):
        for inner in part:
            yield from _walk(inner, outer)


class _Worker:
    """One process that searches, started at the first need and again after each search that did not end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def find(self, pattern: str, flags: int, text: str) -> str | None:
        with self._lock:
            process = self._started()
            timer = threading.Timer(SECONDS, process.kill)
            timer.start()
            try:
                assert process.stdin
                assert process.stdout
                process.stdin.write(json.dumps([pattern, flags, text]) + "\n")
                process.stdin.flush()
                said = process.stdout.readline()
            except OSError:
                said = ""
            finally:
                timer.cancel()
            if not said:
                self.stop()
                raise TooSlow
            found: str | None = json.loads(said)
            return found

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-I", "-c", _PROGRAM]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="ascii")
        return self._process

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_worker = _Worker()
atexit.register(_worker.stop)
