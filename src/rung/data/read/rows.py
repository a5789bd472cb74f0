"""What reading yields: raw rows, the reasons against bad ones, and the bounds that keep memory in hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from rung.data.sensitive import masked
from rung.errors import UserError
from rung.types import Finding

MAX_ROWS = 1_000_000
MAX_LINE_BYTES = 64 << 20
MAX_DOCUMENT_BYTES = 512 << 20
SHOWN_PROBLEMS = 20
TOLD_PROBLEMS = 5  # in full, of bad rows that are left out
LONGEST_REASON = 200
FEWEST_ALIKE = 3  # bad rows, before their being alike says anything of the file
UNDECODED = re.compile("[\udc80-\udcff]")  # what `surrogateescape` makes of a byte
MOST_BAD = 0.1  # share of the rows that may be bad, and are then left out


Row = Mapping[str, Any]


class RowError(ValueError):
    """One row cannot be used; the text says why, without saying where."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """In the place of a row's content: why it is none. `cells` are what it may mean, if they are as many as the columns."""

    reason: str
    cells: tuple[str, ...] | None = None

    def settled(self, width: int) -> list[str]:
        """The cells. Raises RowError where they are not what is wanted."""
        if self.cells is None or len(self.cells) != width:
            raise RowError(self.reason)
        return list(self.cells)


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
    which a sample leaves out cost no parsing. `shown` is how messages name the file, `places` what each of its lines is called
    where that is more than the file's name and the line's number.
    `skipped` counts what the file holds beside its rows, such as a header that stands there again: reason -> count, whole when
    `rows` has come to its end.
    """

    shown: str
    format: str
    rows: Iterator[RawRow]
    parse: Callable[[Any], Row]
    places: Sequence[str] | None = None
    skipped: Counter[str] = field(default_factory=Counter)


def check_characters(text: str) -> None:
    """Raises RowError for a byte that could not be decoded, or is zero: both say that something happened to the row."""
    if "\x00" in text:
        raise RowError("a byte is zero: the row is damaged, or no text")
    if not text.isascii() and (found := UNDECODED.search(text)):
        byte = ord(found[0]) - 0xDC00
        raise RowError(f"byte 0x{byte:02x} is not of the encoding that the rest of the file is in")


@dataclass
class Problems:
    """Every bad row of a file, so that all are told at once: the first 20 in full, all of them counted by their reasons.

    rows     the rows that take part, bad ones included; `unread` of them were bad before they were understood
    sampled  the rows of which it was tried to understand them
    reasons  kind of reason -> bad rows; `said` has the reason itself where they all have the same
    wanted   ids (a row's own, else `file:line`) of rows that are left out in any case: `excused` are the bad ones among them
    """

    shown: str
    wanted: frozenset[str] = frozenset()
    rows: int = 0
    sampled: int = 0
    unread: int = 0
    places: Sequence[str] | None = field(default=None, repr=False)
    first: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)

    def place(self, line: int) -> str:
        """What messages call a line."""
        return f"{self.shown}:{line}" if self.places is None else self.places[line - 1]

    @property
    def count(self) -> int:
        """How many rows are bad."""
        return self.reasons.total()

    def add(self, line: int, reason: str, name: str = "") -> None:
        """`name` is the row's own id."""
        place = self.place(line)
        if (known := name or place.rsplit("/", 1)[-1]) in self.wanted:
            self.excused.add(known)
            return
        kind = _kind_of(reason)
        self.reasons[kind] += 1
        if self.said.setdefault(kind, reason) not in (reason, kind):
            self.said[kind] = kind
        if len(self.first) < SHOWN_PROBLEMS:
            self.first.append(f"{place}: {reason}")

    def copied(self) -> Problems:
        """What was found so far; what is added to either is not added to the other."""
        return replace(self, first=[*self.first], reasons=Counter(self.reasons), said=dict(self.said), excused=set(self.excused))

    def of_the_same(self, shown: str, wanted: frozenset[str]) -> Problems | None:
        """A copy for who reads the same rows under another name or wants others left out; None where what was found is told by the
        one or hangs on the other."""
        if (shown, wanted) == (self.shown, self.wanted):
            return self.copied()
        told = bool(self.count or self.excused) or (shown != self.shown and self.places is not None)
        return None if told else replace(self.copied(), shown=shown, wanted=wanted)

    def left_out(self, allowed: float) -> Finding | None:
        """What is told of the bad rows, which are left out. Raises UserError that lists them where they are more than `allowed`, a
        share of the rows."""
        if not self.count:
            return None
        if self._share() > allowed:
            raise self._refused(allowed)
        told = [_printable(problem) for problem in self.first[:TOLD_PROBLEMS]]
        rest = [] if self.count == len(told) else [f"and {self.count - len(told):,} more; all by reason: {self._by_reason()}"]
        are = "row of {:,} cannot be used and is" if self.count == 1 else "rows of {:,} cannot be used and are"
        message = masked(f"{self.count:,} {are.format(self.rows)} left out: {'; '.join([*told, *rest])}")
        places = tuple(masked(problem.split(": ")[0]) for problem in self.first)
        return Finding(severity="warning", message=message, check="bad_rows", count=self.count, places=places)

    def _share(self) -> float:
        return self.unread / max(self.rows, 1) + (self.count - self.unread) / max(self.sampled, 1)

    def _refused(self, allowed: float) -> UserError:
        rest = [f"... and {self.count - len(self.first)} more"] if self.count > len(self.first) else []
        if rest and len(self.reasons) > 1:
            rest.append(f"by reason: {self._by_reason()}")
        noun = "row" if self.count == 1 else "rows"
        listing = "\n  ".join([f"{self.count} {noun} cannot be used", *self.first, *rest])
        hint = "Mend or remove these rows; data.where can leave rows out."
        if self.count < self.rows and allowed:
            hint += f" Of the {self.rows:,} rows more are bad than the share of {allowed:g} that is left out (data.bad_rows)."
        if self.count >= FEWEST_ALIKE and len(self.reasons) == 1 and self.count > self.rows / 2:
            alike = "All rows" if self.count == self.rows else "Most rows"
            hint = f"{alike} are so for one reason: is the file read as it is meant (data.columns, data.format)? {hint}"
        return UserError(listing, where=self.shown, hint=hint)

    def _by_reason(self) -> str:
        shown = self.reasons.most_common(TOLD_PROBLEMS)
        rest = self.count - sum(count for _, count in shown)
        told = [f"{_printable(self.said[kind])} ({count:,})" for kind, count in shown]
        return ", ".join([*told, *([f"others ({rest:,})"] if rest else [])])


def _kind_of(reason: str) -> str:
    """A reason without what is the row's own in it, so that alike ones count as one."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "..", reason)[:LONGEST_REASON]


def _printable(text: str) -> str:
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 3] + "..."
