"""From a text that is a table to its layout: what stands above it, its header, its index, rows that end early."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rung.data.inferred import Inference
from rung.data.read.delimited import ANY_DELIMITER, DELIMITERS, SEP_LINE, first_delimiter
from rung.data.read.layout import PLAIN, WHERE, Layout
from rung.data.read.recognise.header import Evidence, evidence
from rung.data.read.recognise.sample import Sample, rows_of
from rung.data.read.recognise.table import Trial, best_table, with_quotes
from rung.data.read.rows import Fault

MOST_ABOVE = 30
FEWEST_COUNTED = 5
LEAST_SHORT = 0.02
INDEX_NAME = re.compile(r"(Unnamed: 0(\.\d+)?|\.\.\.1)?")

Cells = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """`first` is the first row, on physical line `line`; `below` the rows under it."""

    first: Cells
    line: int
    below: Sequence[Cells]
    width: int


def table_in(sample: Sample) -> Trial | None:
    """The sample as a table, below a `sep=` line where it begins with one; None where it is none."""
    after = _after_sep(sample)
    if after:
        mark = SEP_LINE.fullmatch(sample.lines[after - 1].lstrip("\ufeff"))
        return with_quotes(sample.lines[after:], mark[1].replace("\\t", "\t") if mark else ",", cut=sample.cut)
    return best_table(sample.lines, DELIMITERS.get(sample.suffix, "\t"), cut=sample.cut)


def _after_sep(sample: Sample) -> int:
    """How many lines end with Excel's `sep=` line; 0 where there is none."""
    start = sample.first
    return start + 1 if SEP_LINE.fullmatch(sample.lines[start].lstrip("\ufeff")) and start + 1 < len(sample.lines) else 0


def table_layout(trial: Trial, sample: Sample) -> tuple[Layout, list[Inference]]:
    """The layout, of which what the plain rules say themselves is left out, and what was inferred."""
    after = _after_sep(sample)
    table = _below_title(trial, after)
    layout, found = replace(PLAIN, quotes=trial.dialect.quotes), _about_quotes(trial)
    above = [line for line in sample.lines[after : table.line - 1] if line.strip()]
    if above:
        layout = replace(layout, skip_lines=table.line - 1)
        taken, because = f"{rows_of(len(above))} above the table left out", f"they are none of its: {above[0].strip()[:60]}"
        found.append(_inference("rows", taken, because, "skip_lines"))
    usual = first_delimiter(sample.lines[table.line - 1], DELIMITERS.get(sample.suffix, ANY_DELIMITER))
    if not after and trial.dialect.delimiter != usual:
        layout = replace(layout, delimiter=trial.dialect.delimiter)
        share = f"{trial.agreeing:.0%} of the rows have {trial.width} fields by it"
        found.append(_inference("delimiter", repr(trial.dialect.delimiter), share, "delimiter"))
    layout, more = _headed(layout, table)
    layout, short = _about_short(layout, table)
    return layout, [*found, *more, *short]


def _inference(about: str, taken: str, because: str, key: str, *, aloud: bool = True) -> Inference:
    return Inference(
        about=about, taken=taken, because=because, change=f"{WHERE}.{key} in the task file" if key else "", aloud=aloud
    )


def _below_title(trial: Trial, after: int) -> _Table:
    """The table without what stands above it: lines of one field, comments, rows of which one cell alone is filled."""
    rows = trial.cells()
    at = next((at for at in range(min(MOST_ABOVE, len(rows) - 1)) if not _is_title(rows, at, trial.width)), 0)
    line, first = rows[at]
    return _Table(first=first, line=line + after, below=[cells for _, cells in rows[at + 1 :]], width=trial.width)


def _is_title(rows: Sequence[tuple[int, Cells]], at: int, width: int) -> bool:
    cells = rows[at][1]
    filled = sum(bool(cell.strip()) for cell in cells)
    if cells[0].startswith("#"):
        return len(cells) < width or _is_comment([row for _, row in rows[at:]])
    if len(cells) < width:
        return filled <= 1
    return filled < 2 < width and any(sum(bool(cell.strip()) for cell in row) > 1 for _, row in rows[at + 1 : at + 4])


def _is_comment(rows: Sequence[Cells]) -> bool:
    """Whether a row that begins with # is none of the table: the next one that does not is its header."""
    at = next((at for at, cells in enumerate(rows) if not cells[0].startswith("#")), len(rows))
    shown = evidence(rows[at], rows[at + 1 :]) if at < len(rows) - 1 else None
    return shown is not None and shown.is_header and not shown.doubtful


def _headed(layout: Layout, table: _Table) -> tuple[Layout, list[Inference]]:
    """With or without a header, an index, and names that stand twice."""
    short = len(table.first) == table.width - 1 and _counts(table, FEWEST_COUNTED)
    shown = evidence(["", *table.first] if short else table.first, table.below)
    found = []
    if not shown.is_header:
        layout = replace(layout, header=False)
        found.append(_about_no_header(table.first, shown))
    elif shown.doubtful:
        taken, because = f"the first row ({_row(table.first)})", shown.because
        found.append(_inference("header", taken, f"{because}; if it is data, there is no header", "header"))
    if again := sum(list(cells) == list(table.first) for cells in table.below) if shown.is_header else 0:
        found.append(_inference("header", f"{rows_of(again)} left out", "that is the names of the columns again", ""))
    if short or (_counts(table, FEWEST_COUNTED) and _has_index(table, shown)):
        layout = replace(layout, index=True)
        found.append(_inference("index", "the first column takes no part", "it has no name, and counts the rows", "index"))
    names = [name.strip() for name in table.first if name.strip()] if shown.is_header else []
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        layout = replace(layout, repeated_names=True)
        taken = f"{', '.join(twice[:3])}: the second of that name is called {twice[0]}_2, and so on"
        found.append(_inference("columns", taken, "the header says a name twice", "repeated_names"))
    return layout, found


def _about_no_header(first: Cells, shown: Evidence) -> Inference:
    taken = "there is no header: the first line is data, the columns are column_1, column_2, ..."
    return _inference("header", taken, f"{shown.because} (the first row: {_row(first)})", "header: true")


def _row(cells: Cells) -> str:
    told = " | ".join(" ".join(cell.split()) for cell in cells)
    return told if len(told) <= 80 else told[:77] + "..."


def _has_index(table: _Table, shown: Evidence) -> bool:
    return bool(INDEX_NAME.fullmatch(table.first[0].strip())) if shown.is_header else table.width > 2


def _counts(table: _Table, fewest: int) -> bool:
    """Whether the first column counts the rows."""
    cells = [row[0].strip() for row in table.below if row]
    if len(cells) < fewest or not all(re.fullmatch(r"\d{1,9}", cell) for cell in cells):
        return False
    numbers = list(map(int, cells))
    return all(b - a == 1 for a, b in pairwise(numbers))


def _about_quotes(trial: Trial) -> list[Inference]:
    quotes = trial.dialect.quotes
    if quotes == "none":
        because = "rows begin or end with quotation marks that CSV would have doubled or closed"
        return [_inference("quotes", "quotation marks are text", because, "quotes")]
    if quotes != "csv":
        mark = "single quotes" if quotes == "single" else 'a backslash before a quote, \\"'
        return [_inference("quotes", mark, "so the fields hold together", "quotes")]
    if mended := sum(isinstance(row.content, Fault) and row.content.cells is not None for row in trial.rows):
        taken = f"{rows_of(mended)} with quotes inside quoted fields, taken as text"
        return [_inference("quotes", taken, "the fields are as many as the columns that way", "quotes")]
    return []


def _about_short(layout: Layout, table: _Table) -> tuple[Layout, list[Inference]]:
    """Rows that end early: empty fields left out, where the file never writes an empty one at a row's end."""
    width = len(table.first) if layout.header and not layout.index else table.width
    short = [row for row in table.below if len(row) < width]
    closed = any(len(row) == width and not row[-1].strip() for row in table.below)
    if not layout.header or closed or len(short) < max(2, LEAST_SHORT * len(table.below)):
        return layout, []
    layout = replace(layout, short_rows=True)
    because = f"{rows_of(len(short))} have fewer fields than the header names, and none ends with an empty one"
    return layout, [_inference("rows", "a row that ends early has empty fields there", because, "short_rows")]
