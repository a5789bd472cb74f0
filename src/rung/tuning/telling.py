"""Progress of a job as its tenant hears it: the steps of its training, and nothing of what only the home's owner sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rung.registry.home import Home
from rung.types import Progress, Stage

# Between two events of the same training, but for its last step.
APART_S = 0.5


class Telling:
    """A rung.types.Progress that shows what another shows, and writes steps of training down as events."""

    def __init__(self, home: Home, tuning: str, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._tuning, self._progress, self._clock = home, tuning, progress, clock

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Stage]:
        with self._progress.stage(title, total) as stage:
            yield _Steps(stage, total, self._said, self._clock)

    def note(self, text: str) -> None:
        self._progress.note(text)

    def _said(self, figures: dict[str, Any]) -> None:
        total = f"/{figures['total_steps']}" if "total_steps" in figures else ""
        message = f"Step {figures['step']}{total}: training loss={figures['train_loss']:.4f}"
        self._home.tunings.say(self._tuning, message, data=figures)


class _Steps:
    """A stage; its steps that tell a loss are told."""

    def __init__(self, stage: Stage, total: int | None, said: Callable[[dict[str, Any]], None], clock: Callable[[], float]) -> None:
        self._stage, self._total, self._said, self._clock = stage, total, said, clock
        self._step, self._next = 0, clock()

    def advance(self, n: int = 1, **facts: Any) -> None:
        self._stage.advance(n, **facts)
        self._step += n
        if "loss" not in facts or (self._clock() < self._next and self._step != self._total):
            return
        self._next = self._clock() + APART_S
        total = {"total_steps": self._total} if self._total else {}
        self._said({"step": self._step, "train_loss": facts["loss"], **total})
