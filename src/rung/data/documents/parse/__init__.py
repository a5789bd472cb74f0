"""Bytes to text, one function for each kind. Runs in a process of its own (`worker.py`): these bytes may be hostile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rung.data.documents.parse.decode import decoded
from rung.data.documents.parse.delimited import parse_csv
from rung.data.documents.parse.html import parse_html
from rung.data.documents.parse.office import parse_docx, parse_pptx, parse_workbook
from rung.data.documents.parse.pdf import parse_pdf
from rung.data.documents.parse.records import records_text, rows_of_json, rows_of_lines
from rung.data.documents.parsed import MAX_TEXT_CHARS, BadDocument, Parsed, guessed_encoding


def parse(kind: str, data: bytes) -> Parsed:
    """The text of a document. Raises BadDocument: encrypted, malformed, empty, or of more text than MAX_TEXT_CHARS."""
    try:
        read = PARSERS[kind](data)
    except RecursionError:
        raise BadDocument("its parts are nested too deep to be read") from None
    # JSON and PDF can say half of a character, which no tokenizer takes.
    parsed = replace(read, text=read.text.encode("utf-8", "replace").decode("utf-8"))
    if not parsed.text.strip():
        raise BadDocument("no text in it")
    if len(parsed.text) > MAX_TEXT_CHARS:
        raise BadDocument(f"more than {MAX_TEXT_CHARS:,} characters of text")
    return parsed


def _markdown(data: bytes) -> Parsed:
    text, guess = decoded(data)
    return Parsed(text=text, markdown=True, remarks=guessed_encoding(guess))


def _text(data: bytes) -> Parsed:
    text, guess = decoded(data)
    return Parsed(text=text, markdown=False, remarks=guessed_encoding(guess))


def _json(data: bytes) -> Parsed:
    text, guess = decoded(data)
    return Parsed(text=records_text(rows_of_json(text)), markdown=False, remarks=guessed_encoding(guess))


def _jsonl(data: bytes) -> Parsed:
    text, guess = decoded(data)
    return Parsed(text=records_text(rows_of_lines(text)), markdown=False, remarks=guessed_encoding(guess))


PARSERS: dict[str, Callable[[bytes], Parsed]] = {
    "markdown": _markdown,
    "text": _text,
    "html": parse_html,
    "pdf": parse_pdf,
    "docx": parse_docx,
    "pptx": parse_pptx,
    "workbook": parse_workbook,
    "csv": parse_csv,
    "json": _json,
    "jsonl": _jsonl,
}
