"""Whether a file of JSON is one, and how its rows stand: one a line, or following each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.data.read.formats import DECODER, is_document, parse_json
from rung.data.read.json_text import as_json
from rung.data.read.rows import RowError

ROWS = 300


@dataclass(frozen=True, kw_only=True)
class JsonForm:
    """`lenient`: how many of the first rows are no JSON but nearly; `sample` is one. `joined`: several rows share a line."""

    document: bool
    lenient: int = 0
    sample: str = ""
    joined: bool = False


def json_form(lines: Sequence[str], *, document: bool) -> JsonForm:
    """By a file's first lines; `document` is what the plain rules say of them."""
    if document:
        return _of_document("".join(lines))
    filled = [line.strip() for line in lines if line.strip()][:ROWS]
    broken = [line for line in filled if not _is_row(line)]
    if joined := [line for line in broken if is_document(line)]:
        return JsonForm(document=True, joined=True, sample=joined[0])
    mended = [line for line in broken if _is_row(as_json(line))]
    if not mended and broken and len(broken) == len(filled):
        # Nothing is a row on its line alone: a value over several lines that the plain rules do not see.
        return _of_document("".join(lines))
    return JsonForm(document=False, lenient=len(mended), sample=mended[0] if mended else "")


def _is_row(line: str) -> bool:
    try:
        return isinstance(parse_json(line), dict)
    except RowError:
        return False


def _of_document(text: str) -> JsonForm:
    strict, at = _decoded(text)
    lenient, _ = _decoded(as_json(text)) if strict < ROWS else (strict, at)
    if lenient > strict:
        return JsonForm(document=True, lenient=lenient - strict, sample=text[at : at + 200].strip().split("\n")[0])
    return JsonForm(document=True)


def _decoded(text: str) -> tuple[int, int]:
    """How many values, or elements of a list, can be read one after the other; and where the next one begins."""
    at, count = len(text) - len(text.lstrip(" \t\r\n\ufeff")), 0
    at += text[at : at + 1] == "["
    while count < ROWS:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            _, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return count, at
        count += 1
    return count, at
