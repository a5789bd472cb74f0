"""The answer holds none of the words that are forbidden, and nothing that fits a forbidden pattern.

A word is found where it is no part of a longer one, in any case unless `ignore_case` is false, however its letters are composed;
what is invisible between them does not hide it. A reason never repeats what was found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from pydantic import BaseModel, field_validator, model_validator

from rung.types import Example, Score
from rung.verify.parse import as_text
from rung.verify.scoring import EVERY_KIND
from rung.verify.timed_regex import SECONDS, TooSlow, find_last

TARGETLESS = True
OF_THOUGHTS = True


class Config(BaseModel, extra="forbid", frozen=True):
    """`words`: texts that may not stand in an answer. `patterns`: Python regular expressions that nothing in it may fit.
    `ignore_case`: A is a.
    """

    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    ignore_case: bool = True

    @model_validator(mode="after")
    def _something(self) -> Config:
        if not self.words and not self.patterns:
            raise ValueError("'forbidden' names neither 'words' nor 'patterns'")
        return self

    @field_validator("words")
    @classmethod
    def _words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if empty := [word for word in words if not plain_text(word).strip()]:
            raise ValueError(f"'words' holds {empty[0]!r}, which stands in every answer")
        return words

    @field_validator("patterns")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                fits_nothing = re.compile(pattern).search("") is not None
            except re.error as error:
                raise ValueError(f"'patterns' holds {pattern!r}, which is no regular expression: {error}") from None
            if fits_nothing:
                raise ValueError(f"'patterns' holds {pattern!r}, which fits every answer, an empty one too")
        return patterns


def accepts(config: Config) -> Mapping[str, str]:
    """Whatever is not forbidden."""
    return {EVERY_KIND: "only what is forbidden is looked for"}


def score(example: Example, output: str, config: Config) -> Score:
    """0 where something is found, with its number in the settings; missing where a search does not end."""
    said = plain_text(output)
    flags = re.IGNORECASE if config.ignore_case else 0
    searched = said.casefold() if config.ignore_case else said
    for number, word in enumerate(config.words, 1):
        wanted = plain_text(word).strip()
        if _stands_in(wanted.casefold() if config.ignore_case else wanted, searched):
            return Score(value=0.0, reason=f"says a word that is forbidden (number {number})")
    for number, pattern in enumerate(config.patterns, 1):
        try:
            found = any(find_last(pattern, flags, text) is not None for text in dict.fromkeys((output, said)))
        except TooSlow:
            slow = f"pattern {number} takes more than {SECONDS:g} seconds on this answer: does it repeat a repeat?"
            return Score(value=None, reason=slow)
        if found:
            return Score(value=0.0, reason=f"says what is forbidden (pattern {number})")
    return Score(value=1.0)


def check(example: Example, config: Config) -> str | None:
    """A target may be missing; one that is there must not be forbidden itself."""
    if example.target is None:
        return None
    fault = score(example, as_text(example.target), config).reason
    return f"the target {fault}" if fault else None


def plain_text(text: str) -> str:
    """In composed, compatible letters and with single spaces, without what nobody sees: `ｄａｍｎ` and `d\\u200bamn` are damn."""
    seen = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return " ".join(seen.split())


def _stands_in(word: str, text: str) -> bool:
    at = text.find(word)
    while at >= 0:
        before, behind = text[at - 1 : at] if at else "", text[at + len(word) : at + len(word) + 1]
        if not (before.isalnum() and word[0].isalnum()) and not (behind.isalnum() and word[-1].isalnum()):
            return True
        at = text.find(word, at + 1)
    return False
