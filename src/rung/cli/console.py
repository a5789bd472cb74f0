"""Progress on a terminal: a bar for each stage that runs, with its facts, and a line for each that has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from rung.cli.words import fact
from rung.escapes import visible
from rung.report.text import seconds as in_words
from rung.types import Stage

# A stage inside another that took less is not worth a line of its own.
WORTH_A_LINE_S = 1.0


class Bars:
    """A rung.types.Progress that draws on standard error; a context manager, on for as long as the command works."""

    def __init__(self, console: Console | None = None) -> None:
        self._depth = 0
        self._bars = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}", markup=False, style="cyan"),
            _Times(),
            console=console or Console(stderr=True, highlight=False),
            transient=True,
        )

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Stage]:
        """A bar until the block ends, then a line with its time and last facts; no line where the block raised."""
        indent = "  " * self._depth
        bar = self._bars.add_task(indent + title, total=total, facts="")
        stage = _Bar(self._bars, bar)
        self._depth += 1
        started = time.monotonic()
        try:
            yield stage
        finally:
            self._depth -= 1
            self._bars.remove_task(bar)
        seconds = time.monotonic() - started
        if not self._depth or seconds >= WORTH_A_LINE_S:
            self._bars.console.print(
                Text.assemble((f"{indent}✓ ", "green"), title, (f"  {in_words(seconds)}  {stage.facts}", "dim"))
            )

    def note(self, text: str) -> None:
        """A line above the bars."""
        self._bars.console.print(Text(visible(text)))


class _Times(ProgressColumn):
    """Time spent and, once there is a pace to tell it by, time left."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        told = in_words(task.elapsed or 0.0)
        return Text(told if not left else f"{told}, {in_words(left)} left", style="dim")


class _Bar:
    def __init__(self, bars: RichProgress, bar: TaskID) -> None:
        self._bars, self._bar = bars, bar
        self.facts = ""

    def advance(self, n: int = 1, **facts: Any) -> None:
        if facts:
            self.facts = "  ".join(fact(name, value) for name, value in facts.items() if value is not None)
        self._bars.update(self._bar, advance=n, facts=self.facts)
