"""Rows whose fields a delimiter parts: CSV, TSV and their relatives."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rung.data.read import files
from rung.data.read.csv_rows import CsvRows, Dialect
from rung.data.read.layout import Layout
from rung.data.read.rows import Fault, RawRow, Row, RowError, Table, check_characters
from rung.errors import UserError

DELIMITERS = {".csv": ",;\t|", ".tsv": "\t"}
ANY_DELIMITER = ",\t;|"
WIDTH_ROWS = 50
REPEATED = "repeats the header"
SEP_LINE = re.compile(r'\s*"?sep=(\\t|[^\r\n"])"?\s*', re.IGNORECASE)


def csv_table(path: Path, shown: str, encoding: str | None, layout: Layout, delimiters: str) -> Table:
    """The rows of a delimited file. Raises UserError for a header that is none, or names a column twice."""
    text = files.lines(path, shown, encoding)
    skipped = list(itertools.islice(text, layout.skip_lines))
    opening = until_filled(text)
    if match := SEP_LINE.fullmatch(opening[-1] if opening else ""):
        skipped, opening = [*skipped, *opening], until_filled(text)
    if not opening:
        raise UserError("no row is left to use", where=shown, hint="The file ends before its first row.")
    delimiter = layout.delimiter or (match[1].replace("\\t", "\t") if match else first_delimiter(opening[-1], delimiters))
    dialect = Dialect(delimiter=delimiter, quotes=layout.quotes)
    rows = iter(CsvRows(itertools.chain(opening, text), dialect, line=len(skipped) + 1))
    peeked = list(itertools.islice(rows, WIDTH_ROWS))
    names = _names(peeked, layout, shown)
    left_out: Counter[str] = Counter()
    rows = itertools.chain(peeked, rows)
    if layout.header:
        rows = _without_header(rows, left_out)
    return Table(shown=shown, format=dialect.name, rows=rows, parse=_row_parser(names, layout), skipped=left_out)


def until_filled(text: Iterator[str]) -> list[str]:
    """Lines up to and including the first that is not blank; empty where there is none."""
    opening: list[str] = []
    for line in text:
        opening.append(line)
        if line.strip():
            return opening
    return []


def first_delimiter(line: str, delimiters: str) -> str:
    """The most frequent of the delimiters outside of quotes."""
    outside = "".join(line.split('"')[::2])
    return max(delimiters, key=outside.count)


def _names(peeked: Sequence[RawRow], layout: Layout, shown: str) -> list[str]:
    """The columns' names, that of an index left out."""
    if not peeked:
        raise UserError("no row is left to use", where=shown, hint="The file ends before its first row.")
    if not layout.header:
        width = _width(peeked) - layout.index
        return [f"column_{number}" for number in range(1 + layout.index, width + 1 + layout.index)]
    line, cells = peeked[0]
    if isinstance(cells, Fault):
        raise UserError(f"not CSV: {cells.reason}", where=f"{shown}:{line}", hint="Check the quotes of the header.")
    # R writes no name above the column of row names: then the header is one short.
    named = layout.index and not (len(peeked) > 1 and _width(peeked[1:]) == len(cells) + 1)
    names = [name.strip() or f"column_{number}" for number, name in enumerate(cells, start=1)][1 if named else 0 :]
    if layout.repeated_names:
        return numbered(names)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        hint = "Rename one of them, or tell them apart by a number: data.format: {repeated_names: true}."
        raise UserError(f"the header names {', '.join(map(repr, twice))} twice", where=f"{shown}:{line}", hint=hint)
    return names


def numbered(names: Sequence[str]) -> list[str]:
    """The same names, a number behind each that stood before: note, note_2."""
    found: list[str] = []
    for name in names:
        number, own = 1, name
        while own in found or (number > 1 and own in names):
            number += 1
            own = f"{name}_{number}"
        found.append(own)
    return found


def _width(rows: Sequence[RawRow]) -> int:
    """How many fields most rows have."""
    counts = Counter(len(cells) for _, cells in rows if not isinstance(cells, Fault))
    return counts.most_common(1)[0][0] if counts else 0


def _without_header(rows: Iterator[RawRow], left_out: Counter[str]) -> Iterator[RawRow]:
    """The rows below the header; where files were put together it stands among them again."""
    header = next(rows).content
    for row in rows:
        if row.content == header:
            left_out[REPEATED] += 1
        else:
            yield row


def _row_parser(names: Sequence[str], layout: Layout) -> Callable[[Any], Row]:
    start, width = int(layout.index), len(names) + layout.index
    # A spreadsheet's empty columns have no name, and many writers leave out what is empty at the end of a row.
    least = 1 if layout.short_rows else max((at for at, name in enumerate(names, 1) if not _made_up(name, at)), default=1)
    least += start

    def parse(cells: Any) -> Row:
        if isinstance(cells, Fault):
            cells = cells.settled(width)
        if len(cells) != width:
            cells = _fitted(cells, width, least, names)
        check_characters("".join(cells))
        return dict(zip(names, cells[start:] if start else cells, strict=True))

    return parse


def _made_up(name: str, at: int) -> bool:
    return name == f"column_{at}"


def _fitted(cells: list[str], width: int, least: int, names: Sequence[str]) -> list[str]:
    """A row without the empty fields too many, with those that it may leave out. Raises RowError where the number is another."""
    if least <= len(cells) < width:
        return [*cells, *[""] * (width - len(cells))]
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return cells[:width]
    raise RowError(f"{len(cells)} fields where the header names {len(names)} ({', '.join(names[:8])})")
