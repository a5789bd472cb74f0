"""Sets of labels: in a target (a list, or labels with a mark between them), and in what a model wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rung.choice_words import one_form
from rung.data.closed_set import is_closed_set
from rung.verify.items import json_items, unfenced
from rung.verify.parse import NotJson, as_text, strict_json

MARKS = (";", "|", "\n", ",")
MOST_LABELS = 100
FEWEST_SETS = 2  # of two labels or more, before a mark is taken for one
SEPARATOR = re.compile(r" ?(?:\n|;|\||,|/) ?(?:and )?| and | & ", re.IGNORECASE)
END_MARK = re.compile(r"<\|[\w ]+\|>")
BULLET = re.compile(r"(?:[-*•–·]|\(?\d{1,3}[.)]) ")
OPENING = "\"'`*“‘([_#"
CLOSING = "\"'`*”’)]_.!"
# `Labels: a, b` leads to what it names; `all except: a, b` does not.
LEADING = re.compile(r"([^:\n]{1,60}):(?!\S) *", re.IGNORECASE)
TURNING = re.compile(r"\b(?:no|not|none|never|except|without|excluding|\w+n['’]t)\b", re.IGNORECASE)


def separator_of(texts: Sequence[str]) -> str | None:
    """The mark that stands between labels in these texts (`a;b`, `a|b`, `a, b`, lines); None where they are one label each.

    Between labels stands what splits texts into few parts that come back in other company. A comma also stands inside labels: it
    counts where a text is made of parts that also stand alone.
    """
    return next((mark for mark in MARKS if _separates(mark, texts)), None)


def parts_of(text: str, mark: str) -> list[str]:
    """The labels in a text, the empty ones that a mark at its end leaves left out."""
    return [part.strip() for part in text.split(mark) if part.strip()]


def is_set_of_few(sets: Sequence[Sequence[str]]) -> bool:
    """Whether lists are sets of labels: no label twice in one, each short, few labels in all, each standing twice on average."""
    return all(len(set(labels)) == len(labels) for labels in sets) and is_closed_set(
        Counter(label for labels in sets for label in labels)
    )


def _separates(mark: str, texts: Sequence[str]) -> bool:
    if not any(mark in text for text in texts):
        return False
    if mark == "|" and any(END_MARK.search(text) for text in texts):
        return False  # a model's own mark (<|endoftext|>) has two of them inside
    sets = [parts_of(text, mark) for text in texts]
    several = {frozenset(labels) for labels in sets if len(labels) > 1}
    if len(several) < FEWEST_SETS or not is_set_of_few(sets):
        return False
    alone = {labels[0] for labels in sets if len(labels) == 1}
    if mark == ",":
        return any(labels <= alone for labels in several)
    in_company = Counter(label for labels in several for label in labels)
    return any(count > 1 or label in alone for label, count in in_company.items())


@dataclass(frozen=True)
class Named:
    """What an answer names: labels of the closed set by their keys, and whatever else stands where a label should."""

    labels: frozenset[str]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads answers within a closed set of labels.

    none  the word that says that no label applies
    """

    choices: tuple[str, ...]
    ignore_case: bool
    none: str

    def key(self, text: str) -> str:
        """Labels of one key are one label. Case counts among choices that differ in it alone."""
        one_line = one_form(text)
        return one_line.casefold() if self.ignore_case and one_line.casefold() not in self._cased else one_line

    @cached_property
    def _cased(self) -> frozenset[str]:
        """The choices, folded, that stand for several."""
        several = Counter(folded for folded, _ in {(one.casefold(), one) for one in map(one_form, self.choices)})
        return frozenset(folded for folded, count in several.items() if count > 1)

    @cached_property
    def by_key(self) -> Mapping[str, str]:
        """The labels by their keys."""
        return {self.key(choice): choice for choice in self.choices}

    def read(self, answer: str) -> Named | None:
        """The labels that an answer names; None where it says nothing.

        The longest label that fits counts, for labels may hold commas and `and`.
        """
        text = _one_spaced(unfenced(answer))
        if not text:
            return None
        if (whole := self._known(text)) is not None:
            return whole
        items = json_items(text)
        if items is None:
            items = _told_by_truths(text)
        if items is not None:
            return self.of_items([as_text(item) for item in items])
        leading = LEADING.match(text)
        if leading and not TURNING.search(leading[1]) and not self._label.match(text):
            text = text[leading.end() :].lstrip()
            if (whole := self._known(text)) is not None:
                return whole
        return self.of_items(self._pieces(text))

    def of_items(self, items: Sequence[str]) -> Named:
        """Labels that were told apart already; `none` alone is the empty set."""
        keys = [self.key(item) for item in items]
        if keys == [self.key(self.none)]:
            return Named(frozenset())
        unknown = tuple(dict.fromkeys(key for key in keys if key not in self.by_key))
        return Named(frozenset(key for key in keys if key in self.by_key), unknown)

    def _known(self, text: str) -> Named | None:
        """What a text is as a whole: a label, or the word for none."""
        for told in (text, text.strip(OPENING + CLOSING + " ")):
            key = self.key(told)
            if key in self.by_key:
                return Named(frozenset([key]))
            if key == self.key(self.none):
                return Named(frozenset())
        return None

    def _pieces(self, text: str) -> list[str]:
        """The text cut at separators, but not inside a label."""
        found, at = [], 0
        while at < len(text):
            start = self._start(text, at)
            label = self._label.match(text, start)
            end = label.end(1) if label else -1
            mark = SEPARATOR.search(text, max(end, at)) if label else SEPARATOR.search(text, start)
            stop = mark.start() if mark else len(text)
            piece = text[start:end] if label else text[start:stop].strip(OPENING + CLOSING + " ")
            found += [piece] if piece else []
            at = max(mark.end() if mark else len(text), at + 1)
        return found

    def _start(self, text: str, at: int) -> int:
        """Where an item begins behind its bullet and quotes, unless a label itself begins with them."""
        if self._label.match(text, at):
            return at
        bullet = BULLET.match(text, at)
        at = bullet.end() if bullet else at
        while at < len(text) and text[at] in OPENING and not self._label.match(text, at):
            at += 1
        return at

    @cached_property
    def _label(self) -> re.Pattern[str]:
        """A label, the longest first, behind which a separator or the end stands."""
        longest = sorted(self.by_key, key=len, reverse=True)
        # The key's own letters may be other ones than the label's (ß, İ), so that both are looked for.
        written = dict.fromkeys(form for key in longest for form in (" ".join(self.by_key[key].split()), key))
        words = "|".join(map(re.escape, sorted(written, key=len, reverse=True)))
        behind = rf"[{re.escape(CLOSING)}]{{0,8}}(?: ?$|{SEPARATOR.pattern})"
        return re.compile(rf"({words or '(?!)'})(?={behind})", re.IGNORECASE if self.ignore_case else 0)


def _one_spaced(text: str) -> str:
    """Without blank lines and runs of blanks, so that looking ahead is never far."""
    return "\n".join(filter(None, map(one_form, text.splitlines())))


def _told_by_truths(text: str) -> list[Any] | None:
    """The keys that are true of a JSON object such as {"spam": true, "rude": 0}; the one text in an object, as it is."""
    try:
        value = strict_json(text)
    except NotJson:
        return None
    if not isinstance(value, Mapping) or not value:
        return None
    if all(isinstance(part, bool) or part in (0, 1) for part in value.values()):
        return [key for key, part in value.items() if part]
    texts = [part for part in value.values() if isinstance(part, str)]
    return texts if len(value) == len(texts) == 1 else None
