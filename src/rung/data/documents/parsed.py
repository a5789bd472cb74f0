"""What a document becomes: plain text or Markdown, to which every character span refers."""

from __future__ import annotations

from dataclasses import dataclass

MAX_TEXT_CHARS = 32_000_000


class BadDocument(ValueError):
    """A document that cannot be read; the text says why, without saying which."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A document's text. In Markdown, headings are lines of `#`; in plain text there are none to be seen.

    remarks  what of the document is not in the text, or was guessed
    """

    text: str
    markdown: bool
    remarks: tuple[str, ...] = ()


def guessed_encoding(guess: str) -> tuple[str, ...]:
    """What is said of a text that names no encoding and is no UTF-8."""
    return (f"read as {guess}, a guess",) if guess else ()
