"""The first lines of a file, as those see them who tell what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sample:
    """`cut`: there are more lines. `suffix` is that of the file's name, .gz aside; `shown` is how messages name it."""

    shown: str
    suffix: str
    lines: Sequence[str]
    cut: bool

    @property
    def first(self) -> int:
        """Where the first line stands that is not blank."""
        return next((at for at, line in enumerate(self.lines) if line.strip("\ufeff \t\r\n")), 0)


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def rows_of(count: int) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {'row' if count == 1 else 'rows'}"
