"""A document's text to chunks along its structure, each with its headings and its place in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rung.data.documents.outline import above, headers, titles_of
from rung.data.documents.parsed import Parsed
from rung.errors import BrokenEnvironment
from rung.json_form import digest

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
    pieces = splitter.chunk_indices(parsed.text)
    starts = [start for start, _ in pieces]
    titles = above(titles_of(parsed.text, markdown=parsed.markdown), starts)
    within = headers(parsed.text, starts) if parsed.markdown else [()] * len(starts)
    told = [(*outer, *header) for outer, header in zip(titles, within, strict=True)]
    return [
        Chunk(id=digest([source, start, text]), source=source, headings=headings, start=start, end=start + len(text), text=text)
        for (start, text), headings in zip(pieces, told, strict=True)
    ]


def short_ids(chunks: Sequence[Chunk]) -> list[Chunk]:
    """The chunks with ids that a model can cite: the first 8 hex digits, more where two passages would share them."""
    taken: dict[str, Chunk] = {}
    for piece in chunks:
        digits = next(n for n in range(ID_DIGITS, 65) if piece.id[:n] not in taken)
        taken[piece.id[:digits]] = replace(piece, id=piece.id[:digits])
    return list(taken.values())
