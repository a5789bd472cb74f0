"""Word, PowerPoint and spreadsheet files, by the readers that are well kept: mammoth, python-pptx, calamine."""

from __future__ import annotations

import datetime
import io
import itertools
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rung.data import archives
from rung.data.documents.parse.beside import beside, uncomputed
from rung.data.documents.parse.delimited import parse_csv
from rung.data.documents.parse.html import html_text, parse_html
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
        other = beside(data, r"word/(?:header|footer|diagrams/data|charts/chart)\d*\.xml")
        page = read(io.BytesIO(plainer(data)), style_map=_STYLES, convert_image=mammoth.images.img_element(lambda _: {}))
    except (KeyError, IndexError, AttributeError, XMLSyntaxError, *archives.BROKEN) as error:
        raise BadDocument(f"a broken DOCX: {error}") from None
    text = html_text(page.value)
    return Parsed(text=f"{text}\n{other}\n" if other else text, markdown=True)


def parse_pptx(data: bytes) -> Parsed:
    """Slide by slide: its title as a heading, then its texts, tables and the speaker's notes."""
    import pptx

    _check_zip(data, "PPTX")
    opened: Any = pptx.Presentation
    try:
        slides = opened(io.BytesIO(data)).slides
        written = [_slide(number, slide) for number, slide in enumerate(slides, start=1)]
    except (KeyError, ValueError, AttributeError, SyntaxError, *archives.BROKEN) as error:
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
        yield from _chart(shape.chart)
    elif getattr(shape, "has_text_frame", False):
        # A line break within a paragraph is a vertical tab.
        lines = [f"{'  ' * paragraph.level}{paragraph.text}".replace("\v", "\n") for paragraph in shape.text_frame.paragraphs]
        yield "\n".join(line for line in lines if line.strip())
    elif hasattr(shape, "has_chart"):
        yield from _diagram(shape)


def _chart(chart: Any) -> Iterator[str]:
    """Its title and its numbers; of a kind that the reader does not know, the texts and numbers that stand in it."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield chart.chart_title.text_frame.text
    try:
        yield from [_plot(plot) for plot in chart.plots]
    except (NotImplementedError, ValueError):
        yield "\n".join(chart.element.xpath(".//c:v/text()"))


def _diagram(shape: Any) -> Iterator[str]:
    """The texts of SmartArt, which are kept in a part of their own."""
    from lxml import etree

    parser: Any = etree.XMLParser(resolve_entities=False, no_network=True)
    drawing = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
    for identity in shape.element.xpath(".//*[local-name()='relIds']/@*[local-name()='dm']"):
        root: Any = etree.fromstring(shape.part.related_part(identity).blob, parser)
        texts = ("".join(part.text or "" for part in line.iter(f"{drawing}t")) for line in root.iter(f"{drawing}p"))
        yield "\n".join(text for text in texts if text.strip())


def _plot(plot: Any) -> str:
    names = [str(category) for category in plot.categories]
    rows = [[series.name or "", *[_cell(value) for value in series.values]] for series in plot.series]
    return table_text([["", *names], *rows])


def parse_workbook(data: bytes) -> Parsed:
    """Sheet by sheet: its name as a heading, blocks of cells as tables, lone cells as lines. Values, as they were last computed."""
    import python_calamine

    if not data.startswith((OLE_MAGIC, b"PK")):
        return _misnamed(data)
    if not data.startswith(OLE_MAGIC):
        _check_zip(data, "workbook")
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        metas = [meta for meta in book.sheets_metadata if str(meta.typ).endswith("WorkSheet")]
        sheets = [(meta.name, _cells(book, meta.name)) for meta in metas]
    except python_calamine.PasswordError:
        raise BadDocument("encrypted") from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise BadDocument(f"a broken workbook: {error}") from None
    parts = [f"# {name}\n\n{_blocks(rows)}" for name, rows in sheets if any(any(row) for row in rows)]
    hidden = [meta.name for meta in metas if not str(meta.visible).endswith(".Visible")]
    told = (f"hidden in it, and read: {', '.join(hidden)}",) if hidden else ()
    if data.startswith(b"PK"):
        parts += filter(None, [_notes(data)])
        told = (*told, *uncomputed(data))
    return Parsed(text="\n\n".join(parts) + "\n", markdown=True, remarks=told)


def _notes(data: bytes) -> str:
    """The comments and text boxes of a workbook."""
    from lxml.etree import XMLSyntaxError

    try:
        return beside(data, r"xl/(?:comments\d*|threadedComments/[^/]*|drawings/drawing\d*|diagrams/data\d*)\.xml")
    except (XMLSyntaxError, *archives.BROKEN) as error:
        raise BadDocument(f"a broken workbook: {error}") from None


def _misnamed(data: bytes) -> Parsed:
    """Many programs write a page or a table of text and name it .xls, which spreadsheet programs open."""
    is_page = re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|table|head|meta)\b", data[:500], re.IGNORECASE)
    if data.lstrip().startswith(b"<?xml") or (b"\x00" in data[:1000] and not data.startswith((b"\xff\xfe", b"\xfe\xff"))):
        raise BadDocument("no workbook that is read: save it as .xlsx")
    read = parse_html(data) if is_page else parse_csv(data)
    kind = "a page (HTML)" if is_page else "a table in text (CSV)"
    return replace(read, remarks=(f"by its content it is {kind}, and read as one", *read.remarks))


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
        plain = float(f"{value:.15g}")
        return str(int(plain)) if plain.is_integer() and abs(plain) < 1e21 else f"{value:.15g}"
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


_FOLDERS = {"DOCX": "word/", "PPTX": "ppt/", "workbook": "xl/"}


def _check_folder(names: Sequence[str], kind: str) -> None:
    """Raises BadDocument where one office file has another's suffix."""
    if not any(name.startswith(_FOLDERS[kind]) for name in names):
        other = next((own for own, folder in _FOLDERS.items() if any(name.startswith(folder) for name in names)), "")
        if other:
            raise BadDocument(f"by its content it is a {other}, not a {kind}: give it that suffix")


def _check_zip(data: bytes, kind: str) -> None:
    """Raises BadDocument for what is no whole zip, or unpacks to more than MAX_UNPACKED_BYTES: it is counted, not believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = 0
            _check_folder(archive.namelist(), kind)
            for info in archive.infolist():
                with archive.open(info) as file:
                    while block := file.read(1 << 20):
                        size += len(block)
                        if size > MAX_UNPACKED_BYTES:
                            raise BadDocument(f"it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
    except BadDocument:
        raise
    except (*archives.BROKEN, RuntimeError) as error:
        # An office program keeps a document with a password in an OLE container.
        encrypted = data.startswith(OLE_MAGIC) or "password" in str(error)
        reason = "not a zip" if isinstance(error, zipfile.BadZipFile) and not zipfile.is_zipfile(io.BytesIO(data)) else str(error)
        raise BadDocument("encrypted" if encrypted else f"a broken {kind}: {reason}") from None
