"""What lexical search takes for words, in every script.

Where a script writes spaces, a word is a run of letters (Unicode Annex 29, in the main); where it writes none (Chinese, Japanese,
Korean's endings, Thai, Lao, Khmer, Burmese, Tibetan), words are overlapping pairs of characters (McNamee & Mayfield, 2004). What
writers leave out or write in two ways is folded: case, accents, Arabic and Hebrew points, ligatures, widths, soft hyphens.
A compound ("e-mail", "AB-1234", "maxLength", "3.11.7") is its parts and the whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

# Kept with an index: another number is another set of words, so that what was measured with the old ones is searched by them.
VERSION = "2"
# What an index without a number was measured with.
FIRST = "1"
# A whole of more parts is an address or a key, which nobody asks for in another spelling.
_MOST_PARTS = 6
# Longer chunks (a clause of Chinese) hardly come twice, and are not kept.
_KEPT_CHUNK = 24
# What is left of "it's", "don't", "we'll": no word.
_CLITICS = frozenset({"s", "t", "d", "m", "ll", "re", "ve"})
# Letters with a stroke and the like, which Unicode does not take apart; and Arabic letters that are typed for one another.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
    | {"ٱ": "ا", "ى": "ي", "ة": "ه", "ک": "ك", "ی": "ي", "ھ": "ه", "ہ": "ه"}
)
# Points and signs that Hebrew and Arabic are mostly written without; the stretched line; what has no width.
_LEFT_OUT = (
    r"[\p{Cf}\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u0653\u0656-\u065f\u0670"
    r"\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0640\ufe00-\ufe0f]+"
)
_ACCENTS = r"[\u0300-\u036f\u0654\u0655]+"
_CLUSTERED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_DENSE = rf"\p{{Han}}\p{{Hiragana}}\p{{Katakana}}\p{{Bopomofo}}\p{{Hangul}}ー々〆{_CLUSTERED}"
_WORDLIKE = r"[\p{L}\p{M}\p{N}]"
_JOINT = r"(?:[-\u2010\u2011_.'’ʼ&·]|(?<=\p{Hebrew})[\"״׳](?=\p{Hebrew})|(?<=[0-9])[,:](?=[0-9]))"

# The pattern `chunk` where it is asked of English: five times as fast.
_ASCII_CHUNK = re.compile(
    r"[A-Za-z0-9]+(?:(?:[-_.'&]|(?<=[0-9])[,:](?=[0-9]))[A-Za-z0-9]+)*(?:(?<=[A-Za-z])[+#]+(?![A-Za-z]))?", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a text is found by, in its order: all its words, and those of letters alone, which have forms (`gates`, `gate`)."""

    words: tuple[str, ...]
    spelled: tuple[str, ...]


def split(text: str, *, asked: bool = False) -> Words:
    """The words of a passage, or of a question (`asked`), which takes a lone letter for a name more readily ("plan a")."""
    words: list[str] = []
    spelled: list[str] = []
    before = ""
    end = 0
    cleaned = _clean(text)
    for found in (_ASCII_CHUNK if cleaned.isascii() else _patterns()["chunk"]).finditer(cleaned):
        chunk = (_chunk if len(found[0]) <= _KEPT_CHUNK else _chunk.__wrapped__)(found[0], asked)
        words += chunk.words
        spelled += chunk.spelled
        if before and chunk.label and not cleaned[end : found.start()].strip(" \t\xa0#"):
            words.append(before + chunk.label)
        before, end = chunk.named_by, found.end()
    return Words(words=tuple(words), spelled=tuple(spelled))


@dataclass(frozen=True, kw_only=True)
class _Chunk(Words):
    """A run of letters and digits with what joins them: `label` where it names something with the word before it ("plan C",
    "Article 12"), `named_by` where it is such a word itself."""

    label: str
    named_by: str


@lru_cache(maxsize=100_000)
def _chunk(chunk: str, asked: bool) -> _Chunk:
    leaves = _leaves(chunk)
    words: list[str] = []
    for kind, leaf in leaves:
        words += _pairs(leaf, asked=asked) if kind == "dense" else [leaf]
    words += _wholes(chunk, leaves)
    kind, last = leaves[-1] if leaves else ("", "")
    return _Chunk(
        words=tuple(words),
        spelled=tuple(leaf for kind, leaf in leaves if kind == "letters"),
        label=chunk.casefold() if _is_label(chunk, leaves, asked) else "",
        named_by=last if kind in ("letters", "sign") else "",
    )


@lru_cache(maxsize=100_000)
def fold(word: str) -> str:
    """One word without case and accents."""
    bare = _patterns()["accents"].sub("", unicodedata.normalize("NFD", word.casefold()))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def _clean(text: str) -> str:
    """Compatibility forms, invisible characters and foreign digits gone; a word that a line's end took apart, one word again."""
    patterns = _patterns()
    joined: str = patterns["line_end"].sub("-", text) if "\n" in text else text
    if joined.isascii():
        return joined
    whole = unicodedata.normalize("NFKC", joined)
    shown = unicodedata.normalize("NFC", patterns["left_out"].sub("", whole))
    cleaned: str = patterns["digit"].sub(lambda digit: str(unicodedata.decimal(digit[0])), shown)
    return cleaned


def _leaves(chunk: str) -> list[tuple[str, str]]:
    """(kind, folded text) of what a chunk is joined of; kinds are letters, digits, dense, sign."""
    found: list[tuple[str, str]] = []
    joint = ""
    for leaf in _patterns()["leaf"].finditer(chunk):
        kind, text = str(leaf.lastgroup), leaf[0]
        if kind == "joint":
            joint = text
        elif kind == "letters":
            parts = [fold(part) for part in _patterns()["camel"].split(text)]
            if joint in ("'", "’", "ʼ") and parts[0] in _CLITICS:
                parts = []
            found += [(kind, part) for part in parts if part]
            joint = ""
        else:
            found.append((kind, fold(text)))
            joint = ""
    return found


def _pairs(run: str, *, asked: bool) -> list[str]:
    """Overlapping pairs of characters (of what is one to the reader, where vowels stand above and below), and in a passage
    the single characters of Chinese and Japanese too, which can be words."""
    patterns = _patterns()
    units: list[str] = patterns["cluster"].findall(run) if patterns["clustered"].match(run) else list(run)
    if len(units) == 1:
        return units
    alone = [] if asked or patterns["clustered"].match(run) else units
    return alone + [first + second for first, second in pairwise(units)]


def _wholes(chunk: str, leaves: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What a chunk of several parts is as a whole: `email` and `ab1234` whatever joins them, `3.11.7` and `3.11`, `c++`."""
    patterns = _patterns()
    if chunk[-1] in "+#":
        yield fold(chunk)
    dotted = patterns["dotted"].findall(chunk)
    for number in dotted:
        ends = [place for place, sign in enumerate(number) if sign in ".:"][1:]
        yield from (number[:end] for end in [*ends, len(number)][:_MOST_PARTS])
    if thousands := patterns["thousands"].fullmatch(chunk):
        yield patterns["not_digit"].sub("", thousands[0])
    elif 1 < len(leaves) <= _MOST_PARTS and not dotted:
        plain = [leaf for kind, leaf in leaves if kind in ("letters", "digits")]
        if len(plain) == len(leaves):
            yield "".join(plain)
        else:
            yield from _counted(leaves)


def _counted(leaves: Sequence[tuple[str, str]]) -> Iterator[str]:
    """第5条: a number with the character before it, and with the one behind it."""
    for (kind, leaf), (next_kind, following) in pairwise(leaves):
        if kind == "dense" and next_kind == "digits":
            yield leaf[-1] + following
        elif kind == "digits" and next_kind == "dense":
            yield leaf + following[0]


def _is_label(chunk: str, leaves: Sequence[tuple[str, str]], asked: bool) -> bool:
    """Whether a chunk is a number, or a lone letter that is no article, which names something with the word before it."""
    if _patterns()["number"].fullmatch(chunk):
        return True
    return len(chunk) == 1 and bool(leaves) and leaves[0][0] == "letters" and (asked or chunk.isupper() or chunk not in "ai")


@cache
def _patterns() -> dict[str, Any]:
    """Python's own `re` knows no scripts, and takes Indic vowel signs for the ends of words."""
    import regex

    sources = {
        "line_end": r"(?<=\p{L})[-\u00ad\u2010\u2011][ \t]*\r?\n[ \t]*(?=\p{Ll})",
        "left_out": _LEFT_OUT,
        "accents": _ACCENTS,
        "digit": r"[\p{Nd}--[0-9]]",
        "chunk": rf"§|{_WORDLIKE}+(?:{_JOINT}{_WORDLIKE}+)*(?:(?<=\p{{L}})[+\#]+(?!\p{{L}}))?",
        "leaf": rf"(?P<dense>[{_DENSE}]+)|(?P<digits>\p{{N}}+)|(?P<letters>[\p{{L}}\p{{M}}--[{_DENSE}]]+)|(?P<sign>§)|(?P<joint>.)",
        "camel": r"(?<=\p{Ll})(?=\p{Lu})",
        "cluster": r"\X",
        "clustered": rf"[{_CLUSTERED}]",
        "dotted": r"[0-9]+(?:[.:][0-9]+)+",
        "thousands": r"[0-9]{1,3}(?:[.,'’][0-9]{3})+",
        "number": r"[0-9]+(?:[.:][0-9]+)*",
        "not_digit": r"[^0-9]",
    }
    return {name: regex.compile(source, flags=regex.V1) for name, source in sources.items()}
