"""Texts from outside as a terminal or a page may be given them: what would move, colour or turn round their lines is spelt out."""

from __future__ import annotations

import re

# C0 and C1 controls, direction overrides, isolates and lone surrogates: unseen, they can reorder or break a page or a terminal. And
# the line ends that only some readers know, and tags, which models read and nobody sees.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
_LINES = re.compile("[\t\n]")
LONGEST = 80


def visible(words: str) -> str:
    r"""`words` with such characters spelt out (`⟨U+202E⟩`); tabs and lines stay, `\r\n` becomes `\n`."""
    return _UNSEEN.sub(_spelt, words.replace("\r\n", "\n"))


def quoted(text: str, longest: int = LONGEST) -> str:
    """On one line, in quotes, and cut where it is long: for a name that somebody else chose."""
    whole = _LINES.sub(_spelt, _UNSEEN.sub(_spelt, text))
    return f"'{whole}'" if len(whole) <= longest else f"'{whole[: longest - 3]}...'"


def is_plain(text: str) -> bool:
    """Whether nothing of it would be spelt out, line ends and tabs included."""
    return not (_UNSEEN.search(text) or _LINES.search(text))


def _spelt(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"
