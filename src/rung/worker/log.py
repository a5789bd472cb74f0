"""A job's log: two files of bounded size in the home, and the last lines of it in memory."""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

LOG, OLDER = "log", "log.1"
LONGEST_BYTES = 1_000_000
TAIL_LINES = 100
# Of this many jobs, the last to have ended, the logs are kept.
KEPT_LOGS = 500
FOLLOW_S = 0.3


class JobLog:
    """The log of one job, to write to. What the disk refuses is missing from it, and the job goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._missing = 0

    def write(self, line: str) -> None:
        """Adds a line."""
        self.tail.append(line)
        try:
            self._append(f"[{self._missing:,} lines could not be written]\n{line}" if self._missing else line)
            self._missing = 0
        except OSError:
            self._missing += 1

    def _append(self, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / LOG
        data = text.encode("utf-8", errors="replace") + b"\n"
        if file.exists() and file.stat().st_size + len(data) > LONGEST_BYTES:
            os.replace(file, self._folder / OLDER)
        with file.open("ab", buffering=0) as stream:
            stream.write(data)


def read(folder: Path, names: Sequence[str] = (OLDER, LOG)) -> Iterator[str]:
    """The lines of a log, the oldest that is left first."""
    for name in names:
        with suppress(OSError):
            yield from (folder / name).read_text("utf-8", errors="replace").split("\n")[:-1]


def follow(folder: Path, ended: Callable[[], bool], *, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """The lines of a log, and those that come, until the job has `ended` and all is told."""
    inode, place, rest = 0, 0, b""
    yield from read(folder, [OLDER])
    while True:
        is_last = ended()
        data, inode, place = _next(folder, inode, place)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", errors="replace")
        if is_last:
            return
        if not data:
            wait(FOLLOW_S)


def follow_tail(look: Callable[[], tuple[Sequence[str], bool]], *, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """The last lines of a log that is elsewhere, until the job has ended. `look` gives those known now, and whether it has."""
    seen: list[str] = []
    while True:
        told, is_last = look()
        lines = list(told)
        counts = range(min(len(seen), len(lines)), -1, -1)
        known = next(count for count in counts if seen[len(seen) - count :] == lines[:count])
        yield from lines[known:]
        seen = lines
        if is_last:
            return
        wait(FOLLOW_S)


def _next(folder: Path, inode: int, place: int) -> tuple[bytes, int, int]:
    """What has come since; where the log was put away meanwhile, first the rest of that."""
    data = b""
    for name in (OLDER, LOG):
        with suppress(OSError), (folder / name).open("rb") as file:
            known = os.fstat(file.fileno()).st_ino
            if name == OLDER and known != inode:
                continue
            file.seek(place if known == inode else 0)
            data += file.read()
            place, inode = file.tell(), known if name == LOG else 0
    return data, inode, place


def prune(home: Path, is_over: Callable[[str], bool]) -> None:
    """Removes the oldest logs beyond KEPT_LOGS, of jobs (ids) that are over."""
    folders = sorted((home / "jobs").glob("*/"), key=lambda folder: folder.stat().st_mtime)
    for folder in folders[:-KEPT_LOGS]:
        if is_over(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
