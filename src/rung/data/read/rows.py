"""What reading yields: raw rows, the reasons against bad ones, and the bounds that keep memory in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rung.errors import UserError

MAX_ROWS = 1_000_000
MAX_LINE_BYTES = 64 << 20
MAX_DOCUMENT_BYTES = 512 << 20
SHOWN_PROBLEMS = 20
MOST_BAD = 0.1  # share of the rows that may be bad, and are then left out


Row = Mapping[str, Any]


class RowError(ValueError):
    """One row cannot be used; the text says why, without saying where."""


class RawRow(NamedTuple):
    """A row before it is understood. `line` counts from 1; in formats without lines it is the row's number."""

    line: int
    content: Any


class ReadRow(NamedTuple):
    """A row's fields, and the line that it stands on."""

    line: int
    row: Row


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows that are read one at a time.

    `parse` turns a RawRow's content into a mapping of column to value, or raises RowError. It is a step of its own so that rows
    which a sample leaves out cost no parsing. `shown` is how messages name the file.
    """

    shown: str
    format: str
    rows: Iterator[RawRow]
    parse: Callable[[Any], Row]


@dataclass
class Problems:
    """Every bad row of a file, so that all are told at once: the first 20 in full, the rest as a count."""

    shown: str
    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, reason: str) -> None:
        self.count += 1
        if len(self.first) < SHOWN_PROBLEMS:
            self.first.append(f"{self.shown}:{line}: {reason}")

    def raise_if_any(self, hint: str = "Mend or remove these rows; data.where can leave rows out.") -> None:
        """Raises UserError that lists the bad rows."""
        if not self.count:
            return
        rest = [f"... and {self.count - len(self.first)} more"] if self.count > len(self.first) else []
        noun = "row" if self.count == 1 else "rows"
        listing = "\n  ".join([f"{self.count} {noun} cannot be used", *self.first, *rest])
        raise UserError(listing, where=self.shown, hint=hint)
