"""A document's text to chunks along its structure, each with its headings and its place in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rung.data.documents.parsed import Parsed
from rung.errors import BrokenEnvironment
from rung.json_form import digest

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
# reStructuredText and many a text file: a title, and as long a line of one mark under it.
_UNDERLINED = re.compile(r"^(?P<title>\S[^\n]*)\n(?P<mark>[=\-~^\"'#*+.`])(?P=mark){2,}[ \t]*$", re.MULTILINE)
_TABLE = re.compile(r"^(?P<header>[ \t]*\|.*)\n[ \t]*\|[ \t]*:?-[-:| \t]*\n(?P<rows>(?:[ \t]*\|.*(?:\n|\Z))+)", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?(?:^\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
ID_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A passage: the characters `start` to `end` of its document's text.

    id        from source, place and text: the same for as long as the passage is the same
    headings  those above the passage, outermost first; one that the passage itself begins with is not among them. Where it begins
              within a table, the table's header is the last of them
    """

    id: str
    source: str
    headings: tuple[str, ...]
    start: int
    end: int
    text: str

    def as_json(self) -> dict[str, Any]:
        """The chunk's line in an index."""
        return {**asdict(self), "headings": list(self.headings)}


def chunk(source: str, parsed: Parsed, chunk_chars: int) -> list[Chunk]:
    """Chunks of at most `chunk_chars` characters, cut at the coarsest boundary that does: heading, paragraph, sentence, word.

    The splitter is semantic-text-splitter's, for Markdown or for plain text. Raises BrokenEnvironment where it is not installed.
    """
    try:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter
    except ImportError:
        raise BrokenEnvironment("cutting documents into chunks needs a package", hint="pip install 'rung[documents]'") from None
    splitter = MarkdownSplitter(chunk_chars) if parsed.markdown else TextSplitter(chunk_chars)
    outline = _outline(parsed.text) if parsed.markdown else _underlined(parsed.text)
    pieces = splitter.chunk_indices(parsed.text)
    starts = [start for start, _ in pieces]
    above = [(*titles, *header) for titles, header in zip(_above(outline, starts), _headers(parsed, starts), strict=True)]
    return [
        Chunk(id=digest([source, start, text]), source=source, headings=headings, start=start, end=start + len(text), text=text)
        for (start, text), headings in zip(pieces, above, strict=True)
    ]


def _headers(parsed: Parsed, starts: Sequence[int]) -> list[tuple[str, ...]]:
    """The header of the table that each of the places `starts` lies in the rows of; none elsewhere."""
    tables = (
        [(match.start("rows"), match.end(), match["header"]) for match in _TABLE.finditer(parsed.text)] if parsed.markdown else []
    )
    firsts = [first for first, _, _ in tables]
    found: list[tuple[str, ...]] = []
    for start in starts:
        place = bisect_right(firsts, start) - 1
        inside = place >= 0 and start < tables[place][1]
        found.append((tables[place][2].strip().strip("|").strip(),) if inside else ())
    return found


def short_ids(chunks: Sequence[Chunk]) -> list[Chunk]:
    """The chunks with ids that a model can cite: the first 8 hex digits, more where two passages would share them."""
    taken: dict[str, Chunk] = {}
    for piece in chunks:
        digits = next(n for n in range(ID_DIGITS, 65) if piece.id[:n] not in taken)
        taken[piece.id[:digits]] = replace(piece, id=piece.id[:digits])
    return list(taken.values())


def _outline(text: str) -> list[tuple[int, int, str]]:
    """(place, level, title) of each heading outside of fenced code."""
    fences = [match.span() for match in _FENCE.finditer(text)]
    starts = [start for start, _ in fences]
    found = []
    for match in _HEADING.finditer(text):
        before = bisect_right(starts, match.start()) - 1
        if before < 0 or match.start() >= fences[before][1]:
            found.append((match.start(), len(match[1]), match[2]))
    return found


def _underlined(text: str) -> list[tuple[int, int, str]]:
    """(place, level, title) of each underlined title; marks are levels in the order of their first use."""
    marks: list[str] = []
    found = []
    for match in _UNDERLINED.finditer(text):
        if len(match[0].rstrip().split("\n")[1]) < len(match["title"]):
            continue
        if match["mark"] not in marks:
            marks.append(match["mark"])
        found.append((match.start(), marks.index(match["mark"]) + 1, match["title"].strip()))
    return found


def _above(outline: Sequence[tuple[int, int, str]], starts: Sequence[int]) -> list[tuple[str, ...]]:
    """The titles above each of the places `starts`, which rise, as the outline's do: one pass over both."""
    path: list[tuple[int, str]] = []
    found, passed = [], 0
    for start in starts:
        while passed < len(outline) and outline[passed][0] < start:
            _, level, title = outline[passed]
            path = [*(part for part in path if part[0] < level), (level, title)]
            passed += 1
        found.append(tuple(title for _, title in path))
    return found
