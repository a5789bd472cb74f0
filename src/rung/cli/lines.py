"""Progress where no terminal is watching (a pipe, a log, a CI job): plain lines, few enough to read afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rung.cli.words import fact
from rung.escapes import visible
from rung.report.text import seconds as in_words
from rung.types import Stage

# Between two lines of stages that go on.
EVERY_S = 30.0


class Lines:
    """A rung.types.Progress in lines on `out`: one when a stage begins, one when it ends, and at most one in EVERY_S between."""

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self.clock = out, clock
        self._depth = 0
        self.written_s = clock()

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Stage]:
        """A line now, and one when the block ends, with what it took and its figures; where the block raised, that it stopped."""
        stage = _Told(self, title, total, self._depth)
        self.write(f"{title} ...", self._depth)
        self._depth += 1
        try:
            yield stage
        except BaseException:
            self._end(stage, "stopped after")
            raise
        self._end(stage, "done in")

    def _end(self, stage: _Told, how: str) -> None:
        self._depth = stage.depth
        self.write(stage.line(f"{how} {in_words(self.clock() - stage.started_s)}"), stage.depth)

    def note(self, text: str) -> None:
        """A line of its own."""
        self.write(text, self._depth)

    def write(self, line: str, depth: int) -> None:
        """A line, indented as its stage is, at once: nobody waits for a buffer to fill."""
        print("  " * depth + visible(line), file=self._out, flush=True)
        self.written_s = self.clock()


class _Told:
    """A stage that is told in lines."""

    def __init__(self, lines: Lines, title: str, total: int | None, depth: int) -> None:
        self._lines, self._title, self._total, self.depth = lines, title, total, depth
        self._done = 0
        self._facts: dict[str, Any] = {}
        self.started_s = lines.clock()

    def advance(self, n: int = 1, **facts: Any) -> None:
        self._done += n
        self._facts |= facts
        if self._lines.clock() - self._lines.written_s >= EVERY_S:
            self._lines.write(self.line(in_words(self._lines.clock() - self.started_s)), self.depth)

    def line(self, took: str) -> str:
        """`Training: 1 min 3 s, 40 of 90, loss 0.413`."""
        of_all = f"{self._done:,} of {self._total:,}" if self._total is not None else f"{self._done:,}" if self._done else ""
        figures = (fact(name, value) for name, value in self._facts.items() if value is not None)
        return f"{self._title}: {', '.join(filter(None, (took, of_all, *figures)))}"
