"""Which delimiter and which quotes make a table of a text: those by which most rows have the same number of fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from rung.data.read.csv_rows import CsvRows, Dialect
from rung.data.read.layout import Quotes
from rung.data.read.recognise.header import NAMES
from rung.data.read.rows import Fault, RawRow

DELIMITERS = (
    *("\t", "|", ";", ",", "^", "~", "\x01", "\x1e", "\x1f"),
    *(" ||| ", "|||", "||", ";;", "::", ", ", "+++$+++", "<SEP>", "[SEP]"),
)
CLEAR = 0.02  # shares nearer than that are one
DELIMITER_LINES = 3000
LEAST_AGREEING = 0.5
QUOTES_CLOSED = 0.9


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A text read by one dialect.

    width   how many fields most rows have
    bad     rows that are none, or of another width
    faults  rows whose quotes are wrong, whether or not they could be read after all
    long    rows of several lines
    """

    dialect: Dialect
    rows: Sequence[RawRow]
    width: int
    bad: int
    faults: int
    long: int

    @property
    def agreeing(self) -> float:
        return 1 - self.bad / max(len(self.rows), 1) if self.width > 1 else 0.0

    @property
    def odd(self) -> int:
        """Rows that speak against these quotes. Line breaks do not where the delimiter is common in texts."""
        return self.bad + self.faults + (0 if self.dialect.delimiter == "," else self.long)

    def cells(self) -> list[tuple[int, list[str]]]:
        """The rows that could be read, with their lines."""
        settled = ((line, _settled(content, self.width)) for line, content in self.rows)
        return [(line, cells) for line, cells in settled if cells is not None]


def _settled(content: object, width: int) -> list[str] | None:
    if not isinstance(content, Fault):
        return cast("list[str]", content)
    return list(content.cells) if content.cells is not None and len(content.cells) == width else None


def tried(lines: Sequence[str], delimiter: str, quotes: Quotes = "csv", *, cut: bool = False) -> Trial:
    """`cut`: the lines end before the text does, so that the last row may be torn."""
    rows = list(CsvRows(iter(lines), Dialect(delimiter=delimiter, quotes=quotes)))
    if cut and len(rows) > 1:
        rows.pop()
    lengths = Counter(len(row.content) for row in rows if not isinstance(row.content, Fault))
    width = lengths.most_common(1)[0][0] if lengths else 0
    named = not isinstance(rows[0].content, Fault) and _all_names(rows[0].content) if rows else False
    if named and len(rows[0].content) >= max(lengths):
        width = len(rows[0].content)
    faults = [row for row in rows if isinstance(row.content, Fault)]
    return Trial(
        dialect=Dialect(delimiter=delimiter, quotes=quotes),
        rows=rows,
        width=width,
        bad=sum(not _fits(row.content, width, least=2 if named else width) for row in rows),
        faults=len(faults),
        long=sum("\n" in cell for row in rows if not isinstance(row.content, Fault) for cell in row.content),
    )


def _all_names(cells: Sequence[str]) -> bool:
    """Whether a row is a header by its words alone; then the rows below may be shorter."""
    return len(cells) > 1 and all(cell.strip().casefold() in NAMES for cell in cells)


def _fits(content: object, width: int, least: int) -> bool:
    cells = _settled(content, width)
    if cells is None:
        return False
    return least <= len(cells) <= width or (len(cells) > width and not any(cell.strip() for cell in cells[width:]))


def best_table(lines: Sequence[str], usual: str, *, cut: bool) -> Trial | None:
    """The dialect by which the lines are a table; None where none is. `usual` are the delimiters that go first among equals."""
    head = lines[:DELIMITER_LINES]
    torn = cut or len(head) < len(lines)
    text = "".join(head)
    present = [mark for mark in DELIMITERS if text.count(mark) >= len(head) / 4]
    trials = _without_halves([trial for mark in present for trial in _readings(head, mark, text, cut=torn)])
    most = max((trial.agreeing for trial in trials), default=0.0)
    if most < LEAST_AGREEING:
        return None
    near = [trial for trial in trials if trial.agreeing >= most - CLEAR]
    first = next((line for line in lines if line.strip()), "")
    found = min(near, key=lambda trial: _rank(trial.dialect.delimiter, usual, first))
    return with_quotes(lines, found.dialect.delimiter, cut=cut)


def _readings(lines: Sequence[str], mark: str, text: str, *, cut: bool) -> list[Trial]:
    quoted = tried(lines, mark, cut=cut)
    return [quoted, tried(lines, mark, "none", cut=cut)] if '"' in text and quoted.odd else [quoted]


def _without_halves(trials: Sequence[Trial]) -> list[Trial]:
    """Without delimiters of several characters that are rather empty fields, and without those that are a part of such a one."""
    whole = [trial for trial in trials if len(trial.dialect.delimiter) == 1 or _is_whole(trial)]
    longer = [trial.dialect.delimiter for trial in whole if len(trial.dialect.delimiter) > 1 and trial.agreeing >= 1 - CLEAR]
    return [trial for trial in whole if not any(trial.dialect.delimiter in mark != trial.dialect.delimiter for mark in longer)]


def _is_whole(trial: Trial) -> bool:
    part = trial.dialect.delimiter.strip()[:1]
    rows = trial.cells()
    return sum(any(part in cell for cell in cells) for _, cells in rows) < 0.5 * len(rows)


def _rank(mark: str, usual: str, first: str) -> tuple[bool, bool, int]:
    """Among tables that are as good: that of which the first line is, then a usual one, then the mark that texts hold least."""
    return mark not in first, mark not in usual, DELIMITERS.index(mark)


def with_quotes(lines: Sequence[str], delimiter: str, *, cut: bool = False) -> Trial:
    """The quotes that leave the fewest rows odd; CSV's among equals."""
    text = "".join(lines)
    quoted = tried(lines, delimiter, cut=cut)
    if '"' not in text:
        single = tried(lines, delimiter, "single", cut=cut) if "'" in text else quoted
        return single if single.bad < quoted.bad or (single.odd <= quoted.odd and _enclosed(quoted)) else quoted
    if not quoted.odd:
        return quoted
    others = [tried(lines, delimiter, "backslash", cut=cut)] if '\\"' in text else []
    raw = tried(lines, delimiter, "none", cut=cut)
    # Quotes that are closed as CSV closes them are no text, whatever a row here and there does.
    others += [raw] if _closed(raw) < QUOTES_CLOSED else []
    return min([quoted, *others], key=lambda trial: trial.odd)


def _closed(raw: Trial) -> float:
    """Of the fields that begin with a quote, read as text, the share that ends with one."""
    opened = [cell for _, cells in raw.cells() for cell in cells if cell.startswith('"')]
    return sum(len(cell) > 1 and cell.endswith('"') for cell in opened) / len(opened) if opened else 0.0


def _enclosed(trial: Trial) -> bool:
    """Whether nearly every row of a column stands in single quotes."""
    rows = [cells for _, cells in trial.cells()[1:]]
    return any(
        sum(len(row) > at and len(row[at]) > 1 and row[at][0] == row[at][-1] == "'" for row in rows)
        >= QUOTES_CLOSED * len(rows)
        > 0
        for at in range(trial.width)
    )
