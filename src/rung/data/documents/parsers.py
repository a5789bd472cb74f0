"""Bytes to text, one function for each kind. Runs in a process of its own (`worker.py`): these bytes may be hostile."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from rung.data.documents.parsed import MAX_TEXT_CHARS, BadDocument, Parsed

MAX_UNPACKED_BYTES = 256 << 20
_UNSEEN = frozenset({"script", "style", "head", "template", "noscript", "svg", "nav"})
_BLOCK = re.compile(
    r"address|article|aside|blockquote|br|d[dlt]|div|fig(?:caption|ure)|footer|form|h[1-6]|header|hr|li|main|[ou]l|p|pre|section|table|t[dhr]"
)


def parse(kind: str, data: bytes) -> Parsed:
    """The text of a document. Raises BadDocument: encrypted, malformed, empty, or of more text than MAX_TEXT_CHARS."""
    read = PARSERS[kind](data)
    # JSON and PDF can say half of a character, which no tokenizer takes.
    parsed = replace(read, text=read.text.encode("utf-8", "replace").decode("utf-8"))
    if not parsed.text.strip():
        raise BadDocument("no text in it" + (": its pages may be pictures" if kind == "pdf" else ""))
    if len(parsed.text) > MAX_TEXT_CHARS:
        raise BadDocument(f"more than {MAX_TEXT_CHARS:,} characters of text")
    return parsed


def _decoded(data: bytes) -> str:
    """UTF-8, or UTF-16 where it is marked so. Raises BadDocument for anything else, so that no garbage is indexed."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadDocument(f"not UTF-8 text (byte {error.start})") from None
    if "\x00" in text:
        raise BadDocument("binary data, not text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _markdown(data: bytes) -> Parsed:
    return Parsed(text=_decoded(data), markdown=True)


def _text(data: bytes) -> Parsed:
    return Parsed(text=_decoded(data), markdown=False)


class _Page(HTMLParser):
    """Headings as Markdown, other blocks as paragraphs; what a reader does not see is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if self.hidden == ["head"] and (tag == "body" or _BLOCK.fullmatch(tag)):
            # HTML lets </head> be left out.
            self.hidden.clear()
        if tag in _UNSEEN:
            self.hidden.append(tag)
        elif re.fullmatch(r"h[1-6]", tag):
            self.parts.append(f"\n\n{'#' * int(tag[1])} ")
        elif _BLOCK.fullmatch(tag):
            self.parts.append("\n" if tag in ("br", "tr", "td", "th") else "\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.hidden:
            del self.hidden[self.hidden.index(tag) :]
        elif _BLOCK.fullmatch(tag):
            self.parts.append("\n\n" if tag not in ("td", "th", "tr") else " ")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def _html(data: bytes) -> Parsed:
    page = _Page()
    page.feed(_decoded(data))
    page.close()
    lines = [line.strip() for line in "".join(page.parts).split("\n")]
    return Parsed(text=re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n", markdown=True)


def _pdf(data: bytes) -> Parsed:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadDocument("encrypted")
        pages = [page.extract_text() for page in reader.pages]
    except BadDocument:
        raise
    except PyPdfError as error:
        raise BadDocument(f"a broken PDF: {error}") from None
    except ImportError:
        raise BadDocument("encrypted in a way that pypdf needs the package cryptography for") from None
    return Parsed(text="\n\n".join(pages), markdown=False)


def _docx(data: bytes) -> Parsed:
    import docx

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise BadDocument(f"it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
        document = docx.Document(io.BytesIO(data))
    except zipfile.BadZipFile:
        # Word keeps a document with a password in an OLE container.
        raise BadDocument("encrypted" if data.startswith(b"\xd0\xcf\x11\xe0") else "a broken DOCX: not a zip") from None
    parts = []
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            parts.append("\n".join(" | ".join(cell.text.strip() for cell in row.cells) for row in block.rows))
        elif block.text.strip():
            level = re.fullmatch(r"Heading (\d)", (block.style.name if block.style else "") or "")
            parts.append(f"{'#' * int(level[1])} {block.text.strip()}" if level else block.text)
    return Parsed(text="\n\n".join(parts) + "\n", markdown=True)


def _csv(data: bytes) -> Parsed:
    text = _decoded(data)
    first = text.split("\n", 1)[0]
    try:
        rows = list(csv.DictReader(io.StringIO(text), delimiter="\t" if first.count("\t") > first.count(",") else ",", strict=True))
    except csv.Error as error:
        raise BadDocument(f"not CSV: {error}") from None
    if any(None in row for row in rows):
        raise BadDocument("a row has more fields than the header")
    return Parsed(text=_records(rows), markdown=False)


def _jsonl(data: bytes) -> Parsed:
    rows = []
    for number, line in enumerate(_decoded(data).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise BadDocument(f"line {number} is not JSON: {error}") from None
    if not all(isinstance(row, dict) for row in rows):
        raise BadDocument("a line is not a JSON object")
    return Parsed(text=_records(rows), markdown=False)


def _records(rows: list[dict[str, Any]]) -> str:
    """One paragraph for each row, one `name: value` a line."""
    written = [
        "\n".join(f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in row.items() if value)
        for row in rows
    ]
    return "\n\n".join(written)


PARSERS: dict[str, Callable[[bytes], Parsed]] = {
    "markdown": _markdown,
    "text": _text,
    "html": _html,
    "pdf": _pdf,
    "docx": _docx,
    "csv": _csv,
    "jsonl": _jsonl,
}
