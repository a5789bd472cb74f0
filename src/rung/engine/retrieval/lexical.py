"""Lexical search: BM25 over words in every script, with words of a near form beside those that were asked for.

No language is guessed and none is stemmed: `Kündigung` finds `Kündigungsfrist`, and `السيارة` finds `سيارة`, because they share
half of the four-letter pieces of the shorter one. On Cranfield this is worth two points of nDCG@10 (`benchmarks/retrieve.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Protocol

from rung.engine.retrieval.words import FIRST, VERSION, fold, split
from rung.errors import BrokenEnvironment

if TYPE_CHECKING:
    import numpy as np

# Of the pieces of the shorter word, what two forms of a word must share; and what a near form weighs beside the word itself.
NEAR_SHARE, NEAR_WEIGHT = 0.5, 0.5
_PIECE = 4
# Longer runs of letters are keys and noise.
_LONGEST_WORD = 40
# A language is one of an index where as many of its passages are written in it; looked at are at most so many.
_LANGUAGE_SHARE, _LANGUAGE_PASSAGES = 0.1, 2_000
# bm25s' lists of words that say nothing of what is asked, question words among them.
_LISTS: tuple[str, ...] = (
    "EN_PLUS",
    "GERMAN",
    "DUTCH",
    "FRENCH",
    "SPANISH",
    "PORTUGUESE",
    "ITALIAN",
    "RUSSIAN",
    "SWEDISH",
    "NORWEGIAN",
    "DANISH",
)
_LISTS += ("TURKISH",)


class Lexical(Protocol):
    """Lexical search over passages. `bm25` is bm25s' index of their words; None where they hold none."""

    bm25: Any

    def words(self, question: str) -> list[str]:
        """The words of a question that BM25 is asked for, as often as they are."""

    def scores(self, question: str) -> np.ndarray:
        """(passages,) float32: BM25 (bm25s: Lucene's form, k1 1.5, b 0.75); 0 for passages that share nothing with the question."""


def lexical(texts: Sequence[str], version: str = VERSION) -> Lexical:
    """The search by a version of words: an index that was measured with older ones goes on being searched by them.

    Raises BrokenEnvironment for a version that is newer than this one.
    """
    if version not in _SEARCHES:
        problem = f"this index was made for another version of lexical search ({version}; here it is {VERSION})"
        raise BrokenEnvironment(problem, hint="Use the version of Rung that made it, or run the climb again.")
    return _SEARCHES[version](texts)


class _Unicode:
    """The words of `rung.engine.retrieval.words`."""

    def __init__(self, texts: Sequence[str]) -> None:
        found = [split(text) for text in texts]
        self.passages = len(texts)
        self.bm25 = _bm25([one.words for one in found])
        self.stop_words = _stop_words([one.spelled for one in found])
        self.spelled = frozenset(word for one in found for word in one.spelled)

    def scores(self, question: str) -> np.ndarray:
        import numpy as np

        total = np.zeros(self.passages, np.float32)
        if self.bm25 is None:
            return total
        asked = split(question, asked=True)
        words = self._wanted(asked.words)
        for word in words:
            places, weights = self._column(word)
            total[places] += weights
        for word in set(asked.spelled) & set(words):
            total += np.float32(NEAR_WEIGHT) * self._near(word)
        return total

    def words(self, question: str) -> list[str]:
        return self._wanted(split(question, asked=True).words)

    def _wanted(self, words: Sequence[str]) -> list[str]:
        return [word for word in words if word not in self.stop_words] or list(words)

    def _column(self, word: str) -> tuple[Any, Any]:
        """(passages that hold the word, what it weighs in each)."""
        index = self.bm25.scores
        number = self.bm25.vocab_dict.get(word)
        start, end = (0, 0) if number is None else index["indptr"][number : number + 2]
        return index["indices"][start:end], index["data"][start:end]

    def _near(self, word: str) -> np.ndarray:
        """What the nearest other form of a word that a passage holds weighs there."""
        import numpy as np

        found = np.zeros(self.passages, np.float32)
        names, sizes, places = self._forms
        own = _pieces(word)
        shared = np.zeros(len(names), np.float32)
        for piece in own:
            shared[places.get(piece, [])] += 1
        near = shared / np.minimum(sizes, len(own))
        for number in np.flatnonzero(near >= NEAR_SHARE):
            if names[number] != word:
                held, weights = self._column(names[number])
                found[held] = np.maximum(found[held], weights * near[number])
        return found

    @cached_property
    def _forms(self) -> tuple[list[str], np.ndarray, Mapping[str, list[int]]]:
        """(words that have forms, how many pieces each has, a piece's words by their numbers)."""
        import numpy as np

        names = sorted(word for word in self.spelled - self.stop_words if 1 < len(word) <= _LONGEST_WORD)
        pieces = [_pieces(word) for word in names]
        places: dict[str, list[int]] = {}
        for number, own in enumerate(pieces):
            for piece in own:
                places.setdefault(piece, []).append(number)
        sizes: np.ndarray = np.array([len(own) for own in pieces], np.float32)
        return names, sizes, places


class _First:
    """What indexes of the first version were searched by: words of two Latin letters and more, without English stop words."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.passages = len(texts)
        self.bm25 = _bm25(_first_words(texts))

    def scores(self, question: str) -> np.ndarray:
        import numpy as np

        known = [word for word in self.words(question) if self.bm25 and word in self.bm25.vocab_dict]
        found: np.ndarray = self.bm25.get_scores(known) if known else np.zeros(self.passages, np.float32)
        return found

    def words(self, question: str) -> list[str]:
        return _first_words([question])[0]


_SEARCHES: Mapping[str, type[_Unicode] | type[_First]] = {FIRST: _First, VERSION: _Unicode}


def _first_words(texts: Sequence[str]) -> list[list[str]]:
    import bm25s

    found: list[list[str]] = bm25s.tokenize(list(texts), return_ids=False, show_progress=False)
    return found


def _bm25(words: Sequence[Sequence[str]]) -> Any:
    """The index of these words; None where there are none."""
    import bm25s

    index = bm25s.BM25()
    if any(words):
        index.index([list(one) for one in words], show_progress=False)
    return index if any(words) else None


def _pieces(word: str) -> set[str]:
    """A word's pieces of four letters, its ends among them."""
    bounded = f"_{word}_"
    return {bounded[start : start + _PIECE] for start in range(len(bounded) - _PIECE + 1)} or {bounded}


def _stop_words(spelled: Sequence[Sequence[str]]) -> frozenset[str]:
    """The stop words of the languages that the passages are written in."""
    step = max(1, len(spelled) // _LANGUAGE_PASSAGES)
    looked_at = spelled[::step]
    languages = Counter(language for words in looked_at if (language := _language(words)))
    common = [name for name, count in languages.items() if count >= _LANGUAGE_SHARE * languages.total()]
    return frozenset().union(*(_lists()[name] for name in common))


def _language(words: Sequence[str]) -> str:
    """The list that most words of a passage are on; "" where hardly any is."""
    known = _languages_of()
    hits = Counter(language for word in words if word in known for language in known[word])
    best = max(_LISTS, key=lambda name: hits[name])
    return best if hits[best] > 1 else ""


@cache
def _lists() -> Mapping[str, frozenset[str]]:
    from bm25s import stopwords

    return {name: frozenset(map(fold, getattr(stopwords, f"STOPWORDS_{name}"))) for name in _LISTS}


@cache
def _languages_of() -> Mapping[str, list[str]]:
    """The lists that a word is on."""
    found: dict[str, list[str]] = {}
    for name, words in _lists().items():
        for word in sorted(words):
            found.setdefault(word, []).append(name)
    return found
