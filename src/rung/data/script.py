"""Which script texts are written in, and how long a text is where a letter is a word."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

LOOKED_AT = 200  # texts
CHARS = 400  # of each
ONE_SCRIPT = 0.3  # of the letters, from which on a script is one that texts are written in
# What Unicode calls a script where its readers say otherwise; Japanese is told by its kana.
_NAMES = {"cjk": "chinese", "hiragana": "japanese", "katakana": "japanese", "hangul": "korean"}
# Chinese and Japanese, Thai, Lao, Burmese, Khmer, Tibetan: no blank stands between words.
_SPACELESS = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WIDE = re.compile("[\u1100-\u115f\u2e80-\u9fff\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff]")


def width(text: str) -> int:
    """A text's length in letters, each Chinese, Japanese or Korean one counted as two: so many Latin ones say about as much."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def words_in(text: str) -> int:
    """About how many words a text has: two letters are one where no blanks stand between words."""
    if text.isascii():
        return len(text.split())
    spaceless = len(_SPACELESS.findall(text))
    return len(_SPACELESS.sub(" ", text).split()) + (spaceless + 1) // 2


def is_spaceless(texts: Sequence[str]) -> bool:
    """Whether most of what these texts hold is written without blanks between words."""
    shown = _shown(texts)
    return len(_SPACELESS.findall(shown)) > 0.5 * max(1, sum(char.isalpha() for char in shown))


def ascii_share(texts: Sequence[str]) -> float:
    """The share of letters and digits that are plain Latin ones; 1 where there are none."""
    letters = [char for char in _shown(texts) if char.isalnum()]
    return sum(char.isascii() for char in letters) / len(letters) if letters else 1.0


def scripts_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The scripts that most letters belong to, the commonest first: `latin`, `chinese`, `japanese`, `cyrillic`, `arabic`, ..."""
    counts = Counter(map(_script, (char for char in _shown(texts) if char.isalpha())))
    if counts["japanese"] > 0.1 * counts["chinese"]:
        counts["japanese"] += counts.pop("chinese", 0)
    return tuple(name for name, count in counts.most_common() if count >= ONE_SCRIPT * counts.total())


def _script(letter: str) -> str:
    if letter.isascii():
        return "latin"
    name = unicodedata.name(letter, "unknown").split()[0].split("-")[0].casefold()
    return _NAMES.get(name, name)


def _shown(texts: Iterable[str]) -> str:
    return " ".join(text[:CHARS] for text, _ in zip(texts, range(LOOKED_AT), strict=False))
