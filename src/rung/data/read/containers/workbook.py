"""A spreadsheet: Excel's .xlsx, .xlsb and .xls, and .ods. A sheet is read as the CSV file that it would be saved as."""

from __future__ import annotations

import csv
import datetime
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung.data import archives
from rung.data.inferred import Inference
from rung.data.read.containers.located import Ask, Located, made_folder
from rung.errors import BrokenEnvironment, UserError, did_you_mean

ORDER = 1
OLD_MAGIC = b"\xd0\xcf\x11\xe0"
MAX_SHEETS_BYTES = 512 << 20
TITLE_ROWS = 10


def holds(path: Path, first: bytes) -> bool:
    """Whether it is one: an old one by its first bytes, a new one by what its archive holds."""
    if first.startswith(OLD_MAGIC):
        return True
    if not first.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except archives.BROKEN:
        return False
    return any(name.startswith("xl/workbook.") for name in names) or ("content.xml" in names and path.suffix.lower() == ".ods")


def unpack(path: Path, ask: Ask) -> Located:
    """The named sheet, or the only one, as CSV.

    Formulas are their values, dates ISO 8601; a value of cells that are merged downwards stands in each of them; rows of a title
    above the table are left out. Raises UserError where several sheets have rows and none is named.
    """
    try:
        import python_calamine
    except ImportError:
        hint = "pip install 'rung[xlsx]', or save the sheet as CSV."
        raise BrokenEnvironment("reading an Excel workbook needs python-calamine", where=ask.shown, hint=hint) from None
    _check_size(path, ask)
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        sheet = _sheet(book, ask)
        rows, merged = sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges
    except python_calamine.PasswordError:
        hint = "Save it without a password, or as CSV."
        raise UserError("the workbook is protected by a password", where=ask.shown, hint=hint) from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        hint = "Open it in a spreadsheet program and save it again, or as CSV."
        raise UserError(f"not a whole workbook: {error}", where=ask.shown, hint=hint) from None
    filled = [(number, _texts(cells)) for number, cells in enumerate(_filled_down(rows, merged), start=1)]
    filled = [(number, cells) for number, cells in filled if any(cells)]
    shown = ask.inside(sheet.name)
    if not filled:
        raise UserError("the sheet has no rows", where=shown, hint="Give one with a header and at least one row.")
    titles = _title_rows([cells for _, cells in filled])
    told = f"row {filled[titles][0]} of the sheet"
    inferences = (Inference(about="header", taken=told, because="the rows above hold one cell each: a title"),) if titles else ()
    path, places = _as_csv(filled[titles:], shown)
    return Located(path=path, shown=shown, format="workbook", places=places, inferences=inferences)


def _check_size(path: Path, ask: Ask) -> None:
    """Raises UserError for a workbook that unpacks to more than is read: it is counted, not believed."""
    if not zipfile.is_zipfile(path):
        return
    size = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    while block := file.read(1 << 20):
                        size += len(block)
                        if size > MAX_SHEETS_BYTES:
                            problem = f"the workbook unpacks to more than {MAX_SHEETS_BYTES >> 20} MiB"
                            raise UserError(problem, where=ask.shown, hint="Save the sheet as CSV.")
    except (*archives.BROKEN, RuntimeError) as error:
        hint = "Open it in a spreadsheet program and save it again, or as CSV."
        raise UserError(f"not a whole workbook: {error}", where=ask.shown, hint=hint) from None


def _sheet(book: Any, ask: Ask) -> Any:
    if ask.part:
        if ask.part not in book.sheet_names:
            raise UserError(
                f"the workbook has no sheet '{ask.part}'", where=ask.shown, hint=did_you_mean(ask.part, book.sheet_names)
            )
        return book.get_sheet_by_name(ask.part)
    visible = [meta.name for meta in book.sheets_metadata if str(meta.visible).endswith("Visible")]
    sheets = [book.get_sheet_by_name(name) for name in visible or book.sheet_names if _is_sheet(book, name)]
    with_rows = [sheet for sheet in sheets if sheet.total_height]
    if len(with_rows) > 1:
        told = ", ".join(ask.inside(sheet.name) for sheet in with_rows)
        raise UserError(f"the workbook has {len(with_rows)} sheets with rows", where=ask.shown, hint=f"Name one of them: {told}.")
    if not with_rows:
        raise UserError("the workbook has no rows", where=ask.shown, hint="Give one with a header and at least one row.")
    return with_rows[0]


def _is_sheet(book: Any, name: str) -> bool:
    """No chart, dialogue or macro."""
    kinds = {meta.name: str(meta.typ) for meta in book.sheets_metadata}
    return kinds[name].endswith("WorkSheet")


def _filled_down(rows: Sequence[Sequence[Any]], merged: Sequence[Any] | None) -> list[list[Any]]:
    """The rows, the value of cells that are merged downwards in each of them."""
    found = [list(row) for row in rows]
    for (top, left), (bottom, right) in merged or ():
        if bottom > top and left == right:
            for row in range(top + 1, min(bottom + 1, len(found))):
                found[row][left] = found[top][left]
    return found


def _texts(cells: Sequence[Any]) -> list[str]:
    return [_text(cell) for cell in cells]


def _text(cell: Any) -> str:
    """A cell as its owner would write it in a CSV file."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(sep=" ")
    return str(cell).replace("\r\n", "\n").replace("\r", "\n").replace("_x000D_\n", "\n")


def _title_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows hold one cell each, where the rows below hold more."""
    counts = [sum(bool(cell.strip()) for cell in row) for row in rows]
    if sum(count > 1 for count in counts) < len(counts) / 2:
        return 0
    return next((at for at, count in enumerate(counts[:TITLE_ROWS]) if count > 1), 0)


def _as_csv(rows: Sequence[tuple[int, Sequence[str]]], shown: str) -> tuple[Path, list[str]]:
    """A CSV file of the columns that hold anything, and what each of its lines is called: by the sheet's row."""
    columns = [at for at in range(len(rows[0][1])) if any(cells[at] for _, cells in rows)]
    places: list[str] = []
    target = made_folder() / "sheet.csv"
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for number, cells in rows:
            kept = [cells[at] for at in columns]
            places += [f"{shown}:{number}"] * (1 + sum(cell.count("\n") for cell in kept))
            writer.writerow(kept)
    return target, places
