"""A source of rows: a file, a package or a user's function, opened, filtered and sampled, not yet understood."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rung.data.read import user_rows
from rung.data.read.containers.located import Located
from rung.data.read.fetch import fetch
from rung.data.read.layout import PLAIN, Layout
from rung.data.read.locate import locate, open_located
from rung.data.read.rows import MAX_ROWS, MOST_BAD, Problems, RawRow, ReadRow, RowError, Table
from rung.data.read.where import Filter
from rung.data.shapes.columns import Columns
from rung.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the rows are and how to read them.

    columns   which column is what; input and target are not named where rows say so themselves
    where     which rows take part (see `where.py`)
    leave_out ids of rows that take no part: a row's own, else `file:line`
    group     the cluster key's column; columns.group says the same
    limit     at most so many rows: a seeded random sample of the rows that `where` lets through, in file order; not the first ones
    encoding  of text files; None is UTF-8 (or UTF-16 where the file is marked so)
    layout    how the file's text becomes rows, where the plain rules do not say it
    slices    columns whose values are kept with their rows
    judged_by columns that say how an answer to their row is judged; kept with it, and part of what it is
    names     the words for the targets' values (`rung.data.value_names`)
    bad_rows  the share of bad rows up to which they are left out; more of them refuse the file
    """

    reference: str
    base_folder: Path
    downloads: Path
    columns: Columns = field(default_factory=Columns)
    where: Mapping[str, Any] | None = None
    leave_out: Sequence[str] = ()
    group: str | None = None
    limit: int | None = None
    seed: int = 0
    encoding: str | None = None
    layout: Layout = PLAIN
    slices: Sequence[str] = ()
    judged_by: Sequence[str] = ()
    names: Mapping[str, Any] | str = field(default_factory=dict)
    bad_rows: float = MOST_BAD


@dataclass(frozen=True, kw_only=True)
class Read:
    """Rows with their lines, as the file has them."""

    rows: Sequence[ReadRow]
    rows_read: int
    skipped: Mapping[str, int]
    problems: Problems
    format: str


@contextmanager
def read_once() -> Iterator[None]:
    """Meanwhile the rows that were last read are kept, for whoever reads the same ones again: to look at a file, to understand its
    rows and to try what was made of them is three readings of it."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


_KEPT: ContextVar[dict[Hashable, Read] | None] = ContextVar("_KEPT", default=None)


def read_rows(source: Source) -> Read:
    """The rows that take part, before they are understood. Raises as `load_examples`, but for bad rows, which are in `problems`."""
    _check_settings(source)
    kept = _KEPT.get()
    if kept is None or source.reference.startswith("python:") or source.layout.answers:
        return _read(source, _open(source))
    found = locate(source.reference, source.base_folder, source.downloads, source.encoding)
    key = _key(found, source)
    problems = kept[key].problems.of_the_same(found.shown, frozenset(source.leave_out)) if key in kept else None
    if problems is not None:
        return replace(kept[key], problems=problems)
    kept.clear()
    read = _read(source, open_located(found, source.encoding, source.layout))
    kept[key] = replace(read, problems=read.problems.copied())
    return read


def _key(found: Located, source: Source) -> Hashable:
    """What decides which rows are read, and the state of the file that they are read from."""
    status = found.path.stat()
    where = repr(sorted(source.where.items())) if source.where else ""
    how = (source.encoding, source.layout, source.limit, source.seed, where)
    return (found.path.resolve(), status.st_mtime_ns, status.st_size, found.format, *how)


def _read(source: Source, table: Table) -> Read:
    problems = Problems(table.shown, places=table.places, wanted=frozenset(source.leave_out))
    keep = Filter(source.where, table.shown)
    raw, rows_read = _sample(table, source, keep, problems)
    keep.check_names()
    rows = [ReadRow(*row) for row in raw] if keep.tests else _parsed(raw, table, problems)
    # Rows that a condition was tried on were all parsed, and a limit then took a sample of them.
    problems.unread, problems.rows = problems.count, rows_read - keep.skipped.total() if keep.tests else len(raw)
    problems.sampled = len(rows) if keep.tests and source.limit is not None else problems.rows
    if not rows and not problems.count:
        reasons = "; ".join(f"{count:,} rows: {reason}" for reason, count in keep.skipped.most_common(5))
        raise UserError("no row is left to use", where=table.shown, hint=f"data.where leaves out {reasons}" if reasons else "")
    return Read(rows=rows, rows_read=rows_read, skipped={**table.skipped, **keep.skipped}, problems=problems, format=table.format)


def _check_settings(source: Source) -> None:
    if source.limit is not None and (isinstance(source.limit, bool) or source.limit < 1):
        raise UserError(f"data.limit is {source.limit}", where="data.limit", hint="Give the number of rows to keep, at least 1.")


def _open(source: Source) -> Table:
    if source.reference.startswith("python:"):
        return user_rows.open_table(source.reference, source.base_folder, lambda wanted: _path(wanted, source))
    found = locate(source.reference, source.base_folder, source.downloads, source.encoding)
    return open_located(found, source.encoding, source.layout)


def _path(reference: str, source: Source) -> Path:
    path = fetch(reference, source.downloads)
    return path if path.is_absolute() else source.base_folder / path


def _sample(table: Table, source: Source, keep: Filter, problems: Problems) -> tuple[list[RawRow], int]:
    """The rows that pass the filter, or `limit` of them by reservoir sampling (Vitter's algorithm R), which reads the file once and
    keeps only the sample in memory; and the number of rows read."""
    rng, kept, passed, rows_read = random.Random(source.seed), list[RawRow](), 0, 0
    for raw in table.rows:
        rows_read += 1
        row = _filtered(raw, table, keep, problems) if keep.tests else raw
        if row is None:
            continue
        passed += 1
        if source.limit is None and passed > MAX_ROWS:
            hint = "Set data.limit (a seeded random sample of that many rows is taken), or narrow data.where."
            raise UserError(f"more than {MAX_ROWS:,} rows, which would have to fit in memory", where=table.shown, hint=hint)
        if source.limit is None or len(kept) < source.limit:
            kept.append(row)
        elif (slot := int(rng.random() * passed)) < source.limit:
            kept[slot] = row
    return sorted(kept, key=lambda row: row.line), rows_read


def _filtered(raw: RawRow, table: Table, keep: Filter, problems: Problems) -> RawRow | None:
    """The row, parsed, where it passes the filter."""
    try:
        row = table.parse(raw.content)
    except RowError as error:
        problems.add(raw.line, str(error))
        return None
    return RawRow(raw.line, row) if keep.keeps(row) else None


def _parsed(raw: Sequence[RawRow], table: Table, problems: Problems) -> list[ReadRow]:
    rows = []
    for line, content in raw:
        try:
            rows.append(ReadRow(line, table.parse(content)))
        except RowError as error:
            problems.add(line, str(error))
    return rows
