"""Progress that nobody sees: for a program that calls Rung and shows its own, and for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rung.types import Stage


class Silent:
    """A rung.types.Progress without output."""

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Stage]:
        yield _SilentStage()

    def note(self, text: str) -> None:
        pass


class _SilentStage:
    def advance(self, n: int = 1, **facts: Any) -> None:
        pass
