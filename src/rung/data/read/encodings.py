"""Which encoding a text without a mark is in: the one in which its words are words of one script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

SINGLE = (
    "cp1252",
    "mac_roman",
    "latin-1",
    "cp1250",
    "iso8859_2",
    "cp1251",
    "koi8_r",
    "cp866",
    "cp1253",
    "cp1255",
    "cp1256",
    "cp874",
)
LATIN = SINGLE[:5]  # whose words are ASCII but for a letter here and there
DOUBLE = ("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr")
USUAL = ("cp1252", "mac_roman", "latin-1")
WORD = re.compile(r"[^\W\d_]+")
SAMPLE = 200_000
_BEYOND = re.compile(rb"[\x80-\xff]+")
# The most frequent characters of Chinese, in both forms: what is decoded wrongly has hardly any of them.
COMMON_HAN = frozenset(
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想"
    "看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给"
    "這來國個說們為時會過學對後裡麼還發當無開經頭動兩長樣現將與進實點種聲話兒問機給關請產"
)


USUAL_MARKS = frozenset("\u00a0«»“”„‘’‚–—…€£°§©®™•·¿¡½¼¾²³×№")
# A sign in the middle of a word, and what bytes of UTF-8 become where they are read one by one.
TORN = re.compile(r"(?<=[^\W\d_])[¡-¿×÷](?=[^\W\d_])|â€|Ã[\x80-¿]|ï¿½")
# About two thirds of running Cyrillic, Greek, Hebrew and Arabic are these letters.
FREQUENT = frozenset("оеаинтсрвл" + "αοιετσνηυρ" + "יוהלארתבשמ" + "اليمنوترهب")


def is_utf16(sample: bytes) -> str | None:
    """`utf-16-le` or `utf-16-be` where every other byte of the most is zero."""
    even, odd = sample[0::2], sample[1::2]
    if not odd or sample.count(0) < 0.2 * len(sample):
        return None
    if even.count(0) < 0.1 * odd.count(0):
        return "utf-16-le"
    return "utf-16-be" if odd.count(0) < 0.1 * even.count(0) else None


def best(sample: bytes) -> str:
    """The most likely encoding of bytes that are no UTF-8; latin-1 where nothing else decodes them.

    Where no encoding makes more words than nonsense the text was garbled before it was saved: then the first of the usual ones that
    decodes it, since a script that hardly any text is in would be a guess without a reason.
    """
    head = _whole_lines(sample)
    single = SINGLE if _has_words(head) else LATIN
    scores = {name: score for name in (*single, *DOUBLE) if (score := _score(head, name)) is not None}
    likeliest = max(scores, key=lambda name: scores[name], default="latin-1")
    if scores.get(likeliest, 0.0) >= 0:
        return likeliest
    return next(name for name in USUAL if name in scores)


def is_garbled(lines: Sequence[str]) -> bool:
    """Whether what is beyond ASCII is more often nonsense than words."""
    return _single_score("".join(line for line in lines if not line.isascii())) < 0


def _has_words(sample: bytes) -> bool:
    """Whether the bytes beyond ASCII are words of their own, as another script has: most of them in runs of three or more."""
    runs = [len(run) for run in _BEYOND.findall(sample)]
    return sum(run for run in runs if run > 2) >= 0.5 * sum(runs)


def _whole_lines(sample: bytes) -> bytes:
    """The lines that tell something, as many as are needed."""
    lines, size = [], 0
    for line in sample.split(b"\n"):
        if not line.isascii():
            lines.append(line)
            size += len(line)
        if size > SAMPLE:
            break
    return b"\n".join(lines)


def _score(sample: bytes, name: str) -> float | None:
    try:
        text = sample.decode(name)
    except UnicodeDecodeError:
        return None
    return _double_score(text) if name in DOUBLE else _single_score(text)


def _single_score(text: str) -> float:
    """How much more its words beyond ASCII are words than nonsense, at most 1."""
    words = [word for word in WORD.findall(text) if not word.isascii()]
    letters = sum(map(len, words))
    worth: float = sum(len(word) * _worth(word) for word in words)
    frequent: float = sum(char in FREQUENT for word in words for char in word.casefold()) / max(letters, 1)
    plain: float = sum(char.isascii() for word in words for char in word) / max(letters, 1)
    marks: int = sum(_is_odd(char) for char in text if not char.isascii()) + 2 * len(TORN.findall(text))
    likely: float = 0.4 + 0.6 * min(1.0, plain + frequent + 0.25)
    return (worth * likely - 2 * marks) / max(letters + marks, 1)


def _is_odd(char: str) -> bool:
    return not char.isalpha() and char not in USUAL_MARKS and not unicodedata.category(char).startswith("M")


def _worth(word: str) -> float:
    """1 for a word of one script, its capitals in front, in Latin mostly of plain letters; a little less where all are capitals."""
    scripts = {_script(char) for char in word}
    if len(scripts) != 1 or any(char in "ÿƒªºµ" for char in word):
        return -1.0
    if scripts == {"LATIN"} and 2 * sum(char.isascii() for char in word) < len(word):
        return -1.0
    if len(word) > 1 and word.isupper():
        return 0.9
    return 1.0 if not any(char.isupper() for char in word[1:]) else -1.0


@cache
def _script(char: str) -> str:
    return unicodedata.name(char, "?").split(" ", 1)[0]


def _double_score(text: str) -> float:
    """The share of characters outside ASCII that are kana, Hangul or common Han."""
    wide = [char for char in text if not char.isascii()]
    if not wide:
        return 0.0
    han = [char for char in wide if "\u4e00" <= char <= "\u9fff"]
    kana = sum("\u3041" <= char <= "\u30fe" for char in wide)
    hangul = sum("\uac00" <= char <= "\ud7a3" for char in wide)
    marks = sum("\u3000" <= char <= "\u303f" or "\uff01" <= char <= "\uff5e" for char in wide)
    common = sum(char in COMMON_HAN for char in han)
    rest = len(wide) - len(han) - kana - hangul - marks
    # A third of running Chinese is its hundred most frequent characters; beside kana any Han goes.
    likely = len(han) if kana > 0.2 * len(wide) else min(len(han), 4 * common)
    return (likely + kana + hangul + marks - 2 * rest) / len(wide)


def strange_words(lines: Sequence[str], most: int = 3) -> list[str]:
    """Words that hold letters beyond ASCII, by which a reader sees whether a text was decoded well."""
    found: dict[str, None] = {}
    for line in lines:
        found.update((word, None) for word in WORD.findall(line) if not word.isascii())
        if len(found) >= most:
            break
    return list(found)[:most]
