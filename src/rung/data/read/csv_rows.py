"""Lines to rows of cells. Where `csv.reader` gives up, one row is a fault, and reading goes on with the line after it."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rung.data.read.layout import Quotes
from rung.data.read.rows import MAX_LINE_BYTES, Fault, RawRow

UNIT_SEPARATOR = "\x1f"
ROW_CHARS = 8 << 20
ESCAPED_QUOTE = re.compile(r'(\\+)"')
ABOUT_QUOTES = 'a quote inside a quoted field is written twice, ""; where quotes are text say data.format: {quotes: none}'


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one file parts its fields; `quotes` as in Layout."""

    delimiter: str
    quotes: Quotes = "csv"

    @property
    def name(self) -> str:
        return "tsv" if self.delimiter == "\t" else "csv"

    @property
    def mark(self) -> str:
        """The one character that `csv.reader` parts by."""
        return self.delimiter if len(self.delimiter) == 1 else UNIT_SEPARATOR

    @property
    def quote(self) -> str:
        return "'" if self.quotes == "single" else '"'

    @property
    def as_is(self) -> bool:
        """Whether `csv.reader` can read the lines as they are."""
        return len(self.delimiter) == 1 and self.quotes != "backslash"

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        if self.quotes == "none":
            return csv.reader(lines, delimiter=self.mark, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self.mark, quotechar=self.quote, strict=True)

    def prepared(self, line: str) -> str:
        """The line as `csv.reader` takes it."""
        if self.quotes == "backslash":
            line = ESCAPED_QUOTE.sub(_doubled, line)
        return line if len(self.delimiter) == 1 else line.replace(self.delimiter, UNIT_SEPARATOR)

    def restored(self, cells: list[str]) -> list[str]:
        """A row's cells as the file has them: a delimiter of several characters may stand within quotes."""
        return cells if len(self.delimiter) == 1 else [cell.replace(UNIT_SEPARATOR, self.delimiter) for cell in cells]


def _doubled(match: re.Match[str]) -> str:
    slashes = len(match[1])
    return "\\" * (slashes // 2) + ('""' if slashes % 2 else '"')


class CsvRows:
    """Rows of cells, each with the line that it begins on; a row that is none is a Fault in the place of its cells."""

    def __init__(self, text: Iterator[str], dialect: Dialect, line: int = 1) -> None:
        self.text, self.dialect, self.line = text, dialect, line
        self.again: deque[str] = deque()
        self.held: list[str] = []
        self.chars = 0

    def __iter__(self) -> Iterator[RawRow]:
        csv.field_size_limit(MAX_LINE_BYTES)
        reader, held, as_is = self.dialect.reader(self._feed()), self.held, self.dialect.as_is
        while True:
            held.clear()
            self.chars = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _OpenQuote) as error:
                yield RawRow(self.line, self._fault(error))
                self.again.extendleft(reversed(held[1:]))
                self.line += 1
                reader = self.dialect.reader(self._feed())
                continue
            if cells:
                yield RawRow(self.line, cells if as_is else self.dialect.restored(cells))
            self.line += 1 if len(held) == 1 else _lines_of(held)

    def _feed(self) -> Iterator[str]:
        held, again, text, as_is = self.held, self.again, self.text, self.dialect.as_is
        while True:
            line = again.popleft() if again else next(text, None)
            if line is None:
                return
            self.chars += len(line)
            if self.chars > ROW_CHARS and held:
                again.appendleft(line)
                raise _OpenQuote("a quote is opened here and not closed")
            held.append(line)
            yield line if as_is else self.dialect.prepared(line)

    def _fault(self, error: Exception) -> Fault:
        line = self.held[0]
        cells = with_stray_quotes(line if self.dialect.as_is else self.dialect.prepared(line), self.dialect)
        return Fault(
            reason=f"not CSV: {error}; {ABOUT_QUOTES}", cells=None if cells is None else tuple(self.dialect.restored(cells))
        )


def _lines_of(held: Sequence[str]) -> int:
    """A carriage return in a quoted cell ends no line of a file whose lines end otherwise."""
    return len(held) - (sum(line.endswith("\r") for line in held) if held[-1].endswith("\n") else 0)


class _OpenQuote(Exception):
    """A row that goes on and on."""


def with_stray_quotes(line: str, dialect: Dialect) -> list[str] | None:
    """A line's cells where quotes inside of quoted fields were not doubled: the quote that closes one stands before a delimiter
    or at the end. None where a field is not closed on the line."""
    rest, mark, quote, cells = line.rstrip("\r\n"), dialect.mark, dialect.quote, list[str]()
    while True:
        if rest.startswith(quote):
            end = _closing(rest, mark, quote)
            if end < 0:
                return None
            cell, rest = rest[1:end].replace(quote * 2, quote), rest[end + 1 :]
        else:
            at = rest.find(mark)
            cell, rest = (rest, "") if at < 0 else (rest[:at], rest[at:])
        cells.append(cell)
        if not rest:
            return cells
        rest = rest[1:]


def _closing(text: str, mark: str, quote: str) -> int:
    """Where the quote stands that closes the field which `text` begins with; -1 where none does.

    An even number of quotes before a delimiter are doubled ones, unless no other place closes the field.
    """
    ends = [at for at in _quotes_before(text, mark, quote) if at > 0]
    alone = (at for at in ends if (at - len(text[: at + 1].rstrip(quote))) % 2 == 0)
    return next(alone, ends[-1] if ends else -1)


def _quotes_before(text: str, mark: str, quote: str) -> list[int]:
    """Every quote that stands before a delimiter or at the end."""
    found = [match.start() for match in re.finditer(re.escape(quote + mark), text)]
    return [*found, len(text) - 1] if text.endswith(quote) else found
