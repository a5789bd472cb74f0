"""Word, PowerPoint and spreadsheet files, by the readers that are well kept: mammoth, python-pptx, calamine."""

from __future__ import annotations

import datetime
import io
import itertools
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from rung.data import archives
from rung.data.documents.parse.html import html_text
from rung.data.documents.parse.tables import table_text
from rung.data.documents.parse.wordml import plainer
from rung.data.documents.parsed import BadDocument, Parsed

MAX_UNPACKED_BYTES = 256 << 20
OLE_MAGIC = b"\xd0\xcf\x11\xe0"
# mammoth knows "Heading 1" to "Heading 6" itself; "code" styles have no usual name.
_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh\ncomment-reference => sup"


def parse_docx(data: bytes) -> Parsed:
    """Text as it would be printed with all changes accepted; insertions, content controls, text boxes, notes and tables in it."""
    import mammoth
    from lxml.etree import XMLSyntaxError

    _check_zip(data, "DOCX")
    read: Any = mammoth.convert_to_html
    try:
        page = read(io.BytesIO(plainer(data)), style_map=_STYLES, convert_image=mammoth.images.img_element(lambda _: {}))
    except (KeyError, IndexError, AttributeError, XMLSyntaxError, *archives.BROKEN) as error:
        raise BadDocument(f"a broken DOCX: {error}") from None
    return Parsed(text=html_text(page.value), markdown=True)


def parse_pptx(data: bytes) -> Parsed:
    """Slide by slide: its title as a heading, then its texts, tables and the speaker's notes."""
    import pptx

    _check_zip(data, "PPTX")
    opened: Any = pptx.Presentation
    try:
        slides = opened(io.BytesIO(data)).slides
        written = [_slide(number, slide) for number, slide in enumerate(slides, start=1)]
    except (KeyError, ValueError, AttributeError, *archives.BROKEN) as error:
        raise BadDocument(f"a broken PPTX: {error}") from None
    return Parsed(text="\n\n".join(written) + "\n", markdown=True)


def _slide(number: int, slide: Any) -> str:
    title = slide.shapes.title
    name = " ".join(title.text_frame.text.split()) if title is not None else ""
    parts = [f"## {name or f'Slide {number}'}"]
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            parts += _shape(shape)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        parts.append(slide.notes_slide.notes_text_frame.text)
    return "\n\n".join(part for part in parts if part.strip())


def _shape(shape: Any) -> Iterator[str]:
    """Groups hold shapes; a chart's numbers are those of its series."""
    if hasattr(shape, "shapes"):
        for inner in shape.shapes:
            yield from _shape(inner)
    elif getattr(shape, "has_table", False):
        yield table_text([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_chart", False):
        yield from (_plot(plot) for plot in shape.chart.plots)
    elif getattr(shape, "has_text_frame", False):
        # A line break within a paragraph is a vertical tab.
        lines = [f"{'  ' * paragraph.level}{paragraph.text}".replace("\v", "\n") for paragraph in shape.text_frame.paragraphs]
        yield "\n".join(line for line in lines if line.strip())


def _plot(plot: Any) -> str:
    names = [str(category) for category in plot.categories]
    rows = [[series.name or "", *[_cell(value) for value in series.values]] for series in plot.series]
    return table_text([["", *names], *rows])


def parse_workbook(data: bytes) -> Parsed:
    """Sheet by sheet: its name as a heading, blocks of cells as tables, lone cells as lines. Values, as they were last computed."""
    import python_calamine

    if not data.startswith(OLE_MAGIC):
        _check_zip(data, "workbook")
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [(meta.name, _cells(book, meta.name)) for meta in book.sheets_metadata if str(meta.typ).endswith("WorkSheet")]
    except python_calamine.PasswordError:
        raise BadDocument("encrypted") from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise BadDocument(f"a broken workbook: {error}") from None
    filled = [(name, rows) for name, rows in sheets if any(any(row) for row in rows)]
    return Parsed(text="\n\n".join(f"# {name}\n\n{_blocks(rows)}" for name, rows in filled) + "\n", markdown=True)


def _cells(book: Any, name: str) -> list[list[str]]:
    """A sheet's texts; the value of merged cells stands in each of them."""
    sheet = book.get_sheet_by_name(name)
    rows = [[_cell(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        for row, column in itertools.product(range(top, min(bottom + 1, len(rows))), range(left, right + 1)):
            if column < len(rows[row]):
                rows[row][column] = rows[top][left]
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        # Spreadsheets compute with 15 digits: more are the computer's, not the author's.
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    return str(value)


def _blocks(rows: Sequence[Sequence[str]]) -> str:
    """Tables are parted by empty rows, and begin with their first row of more than one value."""
    parts: list[str] = []
    for is_filled, block in itertools.groupby(rows, key=any):
        if not is_filled:
            continue
        lines = list(block)
        titles = list(itertools.takewhile(lambda row: len({cell for cell in row if cell}) == 1, lines))
        titles = titles if len(titles) < len(lines) else []
        parts += [next(cell for cell in row if cell) for row in titles]
        parts.append(table_text(_trimmed(lines[len(titles) :])))
    return "\n\n".join(parts)


def _trimmed(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Without columns that are empty in all of them."""
    kept = [column for column in range(max(map(len, rows))) if any(column < len(row) and row[column] for row in rows)]
    return [[row[column] if column < len(row) else "" for column in kept] for row in rows]


def _check_zip(data: bytes, kind: str) -> None:
    """Raises BadDocument for what is no whole zip, or unpacks to more than MAX_UNPACKED_BYTES: it is counted, not believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = 0
            for info in archive.infolist():
                with archive.open(info) as file:
                    while block := file.read(1 << 20):
                        size += len(block)
                        if size > MAX_UNPACKED_BYTES:
                            raise BadDocument(f"it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
    except (*archives.BROKEN, RuntimeError) as error:
        # An office program keeps a document with a password in an OLE container.
        encrypted = data.startswith(OLE_MAGIC) or "password" in str(error)
        reason = "not a zip" if isinstance(error, zipfile.BadZipFile) and not zipfile.is_zipfile(io.BytesIO(data)) else str(error)
        raise BadDocument("encrypted" if encrypted else f"a broken {kind}: {reason}") from None
