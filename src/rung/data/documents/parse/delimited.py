"""CSV and its relatives, as `rung init` reads them: any delimiter, title lines, encodings, decimal commas left as they are."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rung.data.documents.parse.decode import decoded
from rung.data.documents.parse.records import records_text
from rung.data.documents.parsed import BadDocument, Parsed, guessed_encoding
from rung.data.read.delimited import ANY_DELIMITER, csv_table
from rung.data.read.layout import Layout
from rung.data.read.recognise.recognise import recognise
from rung.data.read.rows import RowError
from rung.errors import UserError

TOLD_ROWS = 3


def parse_csv(data: bytes) -> Parsed:
    """A paragraph for each row, a line for each of its values; rows that cannot be read are told.

    Raises BadDocument where none can, or where it is no table.
    """
    text, guess = decoded(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(text, "utf-8", errors="replace")
        try:
            layout = recognise(path, path.name).layout
            if layout.label or layout.format == "json":
                return Parsed(text=text, markdown=False, remarks=guessed_encoding(guess))
            rows, bad = _rows(path, layout)
        except UserError as error:
            raise BadDocument(f"not CSV: {error.problem}") from None
    if len(bad) >= len(rows) > 0:
        told = f"read as plain text: most of its lines are no rows of a table ({bad[0]})"
        return Parsed(text=text, markdown=False, remarks=(*guessed_encoding(guess), told))
    if not rows:
        raise BadDocument(f"no row of it can be read: {bad[0]}" if bad else "no row in it")
    title = "\n".join(line for line in itertools.islice(text.split("\n"), layout.skip_lines) if line.strip(' ,;\t"'))
    body = records_text(rows)
    return Parsed(text=f"{title}\n\n{body}" if title else body, markdown=False, remarks=(*guessed_encoding(guess), *_told(bad)))


def _rows(path: Path, layout: Layout) -> tuple[list[Any], list[str]]:
    """(rows, what is wrong with others, by line)."""
    table = csv_table(path, path.name, "utf-8", layout, ANY_DELIMITER)
    rows, bad = list[Any](), list[str]()
    for line, content in table.rows:
        try:
            rows.append(table.parse(content))
        except RowError as error:
            bad.append(f"line {line}: {error}")
    return rows, bad


def _told(bad: list[str]) -> Iterator[str]:
    if bad:
        more = f", and {len(bad) - TOLD_ROWS} more" if len(bad) > TOLD_ROWS else ""
        yield f"rows are left out: {'; '.join(bad[:TOLD_ROWS])}{more}"
