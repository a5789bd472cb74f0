"""A document with one thing wrong: its words are read, or it is told in words why not; never half of it in silence."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import papers
import pytest

from rung.data.documents.collect import collect
from rung.data.documents.files import DocumentSource
from rung.progress import Silent
from tests.mutations import Mutation, check_refused_or_right, some

WORDS = ("Opening hours", "The gate opens at nine", "It closes at six")
PAGE = f"<html><head><meta charset=utf-8></head><body><h1>{WORDS[0]}</h1><p>{WORDS[1]}<p>{WORDS[2]}</body></html>"


def _docx() -> bytes:
    return papers.docx(("Heading 1", WORDS[0]), ("Normal", WORDS[1]), ("Normal", WORDS[2]))


def _workbook() -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet("Hours").write_row(0, 0, WORDS)
    return out.getvalue()


def _without(data: bytes, member: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
    return out.getvalue()


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) // 3, 2 * len(data) // 3)]


def _flipped(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << draw.randrange(8))]) + data[place + 1 :]


def made(name: str, file: str, make: Callable[[random.Random], bytes], only: str | None = None) -> Mutation:
    return Mutation(name=name, apply=lambda folder, draw: (folder / file).write_bytes(make(draw)), only=only)


CSV = "text\n" + "\n".join(WORDS) + "\n"
JSON = "[" + ", ".join(f'{{"text": "{words}"}}' for words in WORDS) + "]"
LINES = "\n".join(f'{{"text": "{words}"}}' for words in WORDS)
MUTATIONS = [
    made("page: no end tags", "a.html", lambda _: PAGE.replace("</h1>", "").replace("</body></html>", "").encode(), "right"),
    made("page: an open nav", "a.html", lambda _: PAGE.replace("<h1>", "<nav><h1>").encode(), "right"),
    made("page: an open comment", "a.html", lambda _: PAGE.replace("<h1>", "<!--><h1>").encode(), "right"),
    made("page: an open script", "a.html", lambda _: PAGE.replace("<h1>", "<script><h1>").encode(), "refused"),
    made("page: another encoding than it says", "a.html", lambda _: PAGE.encode("utf-16"), "right"),
    made("page: gzip", "a.html", lambda _: __import__("gzip").compress(PAGE.encode()), "refused"),
    made("page: a null byte", "a.html", lambda _: PAGE.replace("gate", "gate\0").encode(), "refused"),
    made("page: a picture", "a.html", lambda draw: b"\x89PNG\r\n\x1a\n" + draw.randbytes(900), "refused"),
    made("docx: cut", "a.docx", lambda draw: _cut(_docx(), draw), "refused"),
    made("docx: no document", "a.docx", lambda _: _without(_docx(), "word/document.xml"), "refused"),
    made("docx: no styles", "a.docx", lambda _: _without(_docx(), "word/styles.xml"), "right"),
    made("docx: no relationships", "a.docx", lambda _: _without(_docx(), "_rels/.rels")),
    made("docx: a sheet of that name", "a.docx", lambda _: _workbook(), "refused"),
    made("docx: a page of that name", "a.docx", lambda _: PAGE.encode(), "refused"),
    *[made(f"docx: a flipped bit {number}", "a.docx", lambda draw: _flipped(_docx(), draw)) for number in range(4)],
    made("sheet: cut", "a.xlsx", lambda draw: _cut(_workbook(), draw), "refused"),
    made("sheet: no workbook", "a.xlsx", lambda _: _without(_workbook(), "xl/workbook.xml"), "refused"),
    made("sheet: no sheet", "a.xlsx", lambda _: _without(_workbook(), "xl/worksheets/sheet1.xml"), "refused"),
    made("sheet: no texts", "a.xlsx", lambda _: _without(_workbook(), "xl/sharedStrings.xml"), "refused"),
    made("sheet: a document of that name", "a.xlsx", lambda _: _docx(), "refused"),
    *[made(f"sheet: a flipped bit {number}", "a.xlsx", lambda draw: _flipped(_workbook(), draw)) for number in range(4)],
    made("slides: a document of that name", "a.pptx", lambda _: _docx(), "refused"),
    made("pdf: cut", "a.pdf", lambda draw: _cut(papers.pdf(*WORDS), draw)),
    made("pdf: no table of places", "a.pdf", lambda _: papers.pdf(*WORDS).replace(b"startxref", b"startxxxx")),
    made("pdf: a broken page", "a.pdf", lambda _: papers.pdf(*WORDS).replace(b"/Contents 7 0 R", b"/Contents 99 0 R")),
    made("pdf: something before it", "a.pdf", lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + papers.pdf(*WORDS), "right"),
    made("table: two bytes a character", "a.csv", lambda _: CSV.encode("utf-16"), "right"),
    made("table: an open quote", "a.csv", lambda _: CSV.replace("The gate", '"The gate').encode()),
    made("json: cut", "a.json", lambda draw: _cut(JSON.encode(), draw), "refused"),
    made("json: a comma more", "a.json", lambda _: JSON.replace("]", ",]").encode(), "refused"),
    made("json: lines under another name", "a.json", lambda _: LINES.encode(), "right"),
    made("json: one document under the name of lines", "a.jsonl", lambda _: JSON.encode(), "right"),
    made("json: deep", "a.json", lambda _: b"[" * 100_000, "refused"),
]  # fmt: skip


@pytest.mark.parametrize("mutation", some(MUTATIONS, 16))
def test_a_document_with_one_thing_wrong(tmp_path: Path, mutation: Mutation) -> None:
    (tmp_path / "docs").mkdir()
    mutation(tmp_path / "docs")

    def act() -> tuple[str, bool]:
        library = collect(DocumentSource(references=("docs",), base_folder=tmp_path, downloads=tmp_path), Silent())
        [document] = library.documents
        return document.parsed.text, bool(document.parsed.remarks)

    def right(read: tuple[str, bool]) -> None:
        text, remarked = read
        assert remarked or all(words in text for words in WORDS), text

    check_refused_or_right(mutation, act, right)
