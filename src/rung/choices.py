"""The one reader of choices: which labels of a closed set an answer names. Local and HTTP answers are read alike.

From the surest sign to the weakest; the first that finds a label decides:

whole      the answer is a label, and nothing was taken off it: `A*`, `C++`, `.NET`, `Yes!`, `-1`; then less what it is wrapped in
marked     `Answer: B`, `the answer is B because ..`, `\\boxed{B}`, `Tone: positive`, the values of a JSON object; the last counts
standing   a label that is a sentence or a line by itself, or begins one: `B. The second`, `Positive, since ..`
mentioned  a label as words of a sentence, unless it is negated, asked about, or what cannot be told

A label within a longer word, number or label is none (`positive` in `non-positive`, `1` in `-1` and in `1.5`, `C` in `C++`). One
that is also a word of sentences (`a`, `no`, `it`, a digit) needs more than to be there: something that leads to it, and the end
of a clause behind it. Where an answer settles on no one label, all are given: it is then no answer.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from rung.calls import outermost_json
from rung.choice_words import (
    AFTER_NEGATION,
    ANSWER_KEYS,
    BETWEEN,
    CANNOT_TELL,
    CLAUSE_ENDS,
    ENUMERATOR,
    LEADS,
    MARKER,
    NEGATION,
    NEGATORS,
    PAIRS,
    SENTENCE_END,
    SENTENCE_WORDS,
    SKIPPED,
    bounded,
    one_form,
    plain,
)

# What is wrapped around a label is short: a longer text is not the label itself, and is no JSON that names one.
WRAPPING_CHARS, JSON_CHARS, LINE_CHARS = 80, 20_000, 200
SLIP_SHARE = 0.05  # a spelling this rare beside another one is a slip of the pen
LONGEST_RUN = 500  # labels in a row: who writes more of them repeats one for ever


@lru_cache(maxsize=64)
def choices(labels: tuple[str, ...], ignore_case: bool = True) -> Choices:
    """The reader of these labels, made once."""
    return Choices(labels=labels, ignore_case=ignore_case)


def in_one_form(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts with spellings that look the same (`one_form`) as one: the most frequent, in the order of first appearance."""
    usual: dict[str, str] = {}
    total: Counter[str] = Counter()
    for text, count in counts.items():
        form = one_form(text)
        usual[form] = max(usual.get(form, text), text, key=lambda spelling: counts[spelling])
        total[form] += count
    return {usual[form]: count for form, count in total.items()}


def labels_in(counts: Mapping[str, int], key: Callable[[str], str]) -> tuple[str, ...]:
    """The different labels among spellings and how often each stands, sorted. Spellings of one key differ in case at most.

    Where they are all frequent each is a label (`US`, `us`); one that stands once, or is rare beside another, is a slip of that.
    What looks the same is one label however frequent its forms are.
    """
    counts = in_one_form(counts)
    most: dict[str, int] = {}
    for text, count in counts.items():
        most[key(text)] = max(count, most.get(key(text), 0))
    usual = Counter(counts).most_common()
    first = {key(text): text for text, _ in reversed(usual)}
    return tuple(
        sorted(text for text, count in usual if text == first[key(text)] or (count > 1 and count >= SLIP_SHARE * most[key(text)]))
    )


def differ_in_case_alone(labels: Sequence[str]) -> bool:
    """Whether two of the labels are one word but for case, so that case counts."""
    return len({label.strip().casefold() for label in labels}) < len({label.strip() for label in labels})


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A closed set of labels. `ignore_case`: `a` is `A`, but for labels that differ in case alone."""

    labels: tuple[str, ...]
    ignore_case: bool = True

    def label(self, text: str) -> str | None:
        """The label that a text is: exactly; else in other dashes, quotes or spaces, in another case, or with `_` for a space."""
        for fold, table in zip(self._folds, self._tables, strict=True):
            if label := table.get(fold(text)):
                return label
        return None

    def named(self, text: str) -> tuple[str, ...]:
        """The labels that an answer names, each once: one where it settles on it, else none or several. Takes any text."""
        if whole := self._whole(text):
            return (whole,)
        said = plain(text)
        if "\\" not in said and not self._pattern.search(said):
            return ()
        return self._marked(said) or self._standing(said) or self._mentioned(said)

    @cached_property
    def _folds(self) -> tuple[Callable[[str], str], ...]:
        fold = str.casefold if self.ignore_case else str
        spaced = re.compile(r"(?<=\w)[\s_-]+(?=\w)")
        return (
            str.strip,
            lambda text: " ".join(plain(text).split()),
            lambda text: fold(" ".join(plain(text).split())),
            lambda text: fold(spaced.sub(" ", plain(text).strip())),
        )

    @cached_property
    def _tables(self) -> list[Mapping[str, str | None]]:
        """For each fold the label that a text is; None where it could be several."""
        tables: list[Mapping[str, str | None]] = []
        for fold in self._folds:
            table: dict[str, str | None] = {}
            for label in self.labels:
                key = fold(label)
                table[key] = label if table.get(key, label) == label else None
            tables.append({key: label for key, label in table.items() if key})
        return tables

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any label, the longest first."""
        spellings = sorted({plain(label).strip() for label in self.labels} - {""}, key=lambda text: (-len(text), text))
        words = "|".join(re.sub(r"(?:\\[ -]|_|\s)+", r"[\\s_-]+", re.escape(text)) for text in spellings)
        return re.compile(words or r"(?!)", re.IGNORECASE if self.ignore_case else 0)

    @cached_property
    def _known(self) -> dict[str, str | None]:
        """What was found of each spelling that stood in an answer: there are few, and some answers are long."""
        return {}

    def _spelt(self, written: str) -> str | None:
        if written not in self._known:
            self._known[written] = self.label(written)
        return self._known[written]

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.labels), default=0)

    def _whole(self, text: str) -> str | None:
        bare = text.strip()
        if len(bare) > self._longest + WRAPPING_CHARS:
            return None
        return next((label for part in _peeled(bare) if (label := self.label(part))), None)

    def _marked(self, text: str) -> tuple[str, ...]:
        if "{" in text and len(text) <= JSON_CHARS and (found := self._in_json(text)):
            return found
        last: tuple[int, tuple[str, ...]] = (-1, ())
        for marker in MARKER.finditer(text):
            if found := self._run(text, marker.end(), sure=True):
                last = (marker.start(), found)
        for start, line in _lines(text):
            head, _, tail = line.rpartition(":") if len(line) <= LINE_CHARS else ("", "", "")
            if start > last[0] and head and (label := self._whole(tail)):
                last = (start, (label,))
        return last[1]

    def _in_json(self, text: str) -> tuple[str, ...]:
        """The labels that stand in the last JSON object: under a key that says it is the answer, else anywhere."""
        objects = [value for value in outermost_json(text) if isinstance(value, dict)]
        if not objects:
            return ()
        leaves = list(_leaves(objects[-1], ""))
        for wanted in (ANSWER_KEYS.__contains__, lambda _: True):
            if found := [label for key, leaf in leaves if wanted(key) and (label := self._whole(leaf))]:
                return tuple(dict.fromkeys(found))
        return ()

    def _standing(self, text: str) -> tuple[str, ...]:
        found: list[str] = []
        for start, sentence in _sentences(text):
            lead = ENUMERATOR.match(sentence)
            for skipped in (0, *([lead.end()] if lead else [])):
                run = self._run(text, start + skipped, sure=False)
                if run:
                    found += run
                    break
        return tuple(dict.fromkeys(found))

    def _run(self, text: str, start: int, *, sure: bool) -> tuple[str, ...]:
        """The labels that begin at a place, one after the other: `B`, `B or C`, `A, B and C`.

        Only where they are a clause by themselves; where a marker stood before (`sure`) that is asked of words of a sentence alone.
        """
        found: list[str] = []
        place = start
        for _ in range(LONGEST_RUN):
            label, end = self._label_at(text, place) or ("", place)
            if not label:
                break
            closed = CLAUSE_ENDS.match(text, end) is not None
            if not closed and (not sure or _is_sentence_word(label, text[end - len(label) : end])):
                break
            if AFTER_NEGATION.match(text, end) or _asks(text, end):
                break
            found.append(label)
            joined = BETWEEN.match(text, end)
            if not joined:
                break
            place = joined.end()
        return tuple(dict.fromkeys(found))

    def _label_at(self, text: str, start: int) -> tuple[str, int] | None:
        """(label, its end) where one stands at a place, behind white space, marks and words such as `option`."""
        skipped = SKIPPED.match(text, start)
        match = self._pattern.match(text, skipped.end() if skipped else start) or self._pattern.match(text, start)
        if match and bounded(text, match.start(), match.end()) and (label := self._spelt(match[0])):
            return label, match.end()
        return None

    def _mentioned(self, text: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        ends = [end.end() for end in SENTENCE_END.finditer(text)] + [len(text)]
        for match in self._pattern.finditer(text):
            start, end = match.span()
            label = self._spelt(match[0])
            if label is None or label in found or not bounded(text, start, end):
                continue
            if _is_sentence_word(label, match[0]) and not (CLAUSE_ENDS.match(text, end) and _led_to(text, start)):
                continue
            place = bisect_left(ends, end)
            sentence = text[max(ends[place - 1] if place else 0, start - LINE_CHARS) : min(ends[place], end + LINE_CHARS)]
            if not (_denied(text, start, end) or CANNOT_TELL.search(sentence) or sentence.rstrip().endswith("?")):
                joined = BETWEEN.match(text, end)
                found |= dict.fromkeys((label, *(self._run(text, joined.end(), sure=True) if joined else ())))
        return tuple(found)


def _peeled(text: str) -> Iterator[str]:
    """The text, then less one thing at a time of what labels are wrapped in: marks in pairs, a full stop, a bullet, `B)`."""
    while True:
        yield text
        bare = text
        if text.startswith("```"):
            bare = re.sub(r"^```\w*\s*\n|^```|```$", "", text).strip()
        for opening, closing in PAIRS:
            if len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
                bare = text[len(opening) : -len(closing)].strip()
                break
        else:
            if bare == text:
                bare = re.sub(r"^(?:[-*•>]|#{1,6})\s+", "", text) if text[:1] in "-*•>#" else text
            if bare == text and text[-1:] in tuple(".,;:!。，！；："):
                bare = text[:-1].rstrip()
            if bare == text and (lead := ENUMERATOR.match(text)):
                bare = text[lead.end() :]
        if not bare or bare == text:
            return
        text = bare


def _leaves(value: Any, key: str, deep: int = 8) -> Iterator[tuple[str, str]]:
    """(key in lower case, text) of each scalar in a JSON value."""
    if isinstance(value, Mapping) and deep:
        for name, part in value.items():
            yield from _leaves(part, str(name).casefold(), deep - 1)
    elif isinstance(value, list) and deep:
        for part in value:
            yield from _leaves(part, key, deep - 1)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield key, str(value)
    elif isinstance(value, bool):
        yield key, "true" if value else "false"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """(where it begins, its first characters) of each sentence and line."""
    yield len(text) - len(text.lstrip()), text.lstrip()[:LINE_CHARS]
    for end in SENTENCE_END.finditer(text):
        yield end.end(), text[end.end() : end.end() + LINE_CHARS]


def _is_sentence_word(label: str, written: str) -> bool:
    """Whether a label is also a word that sentences hold for other reasons; a capital letter other than A and I is none."""
    bare = label.strip()
    if len(bare) == 1:
        return not (unicodedata.category(written[:1]) == "Lu" and written not in ("A", "I"))
    return bare.casefold() in SENTENCE_WORDS or bare.lstrip("-+").replace(".", "").isdigit()


def _led_to(text: str, start: int) -> bool:
    return LEADS.search(text[max(0, start - 20) : start]) is not None


def _denied(text: str, start: int, end: int) -> bool:
    """Whether a mention is negated, before it or after."""
    before = text[max(0, start - 60) : start]
    negated = NEGATORS.search(before) is not None and NEGATION.search(before) is not None
    return negated or AFTER_NEGATION.match(text, end) is not None


def _asks(text: str, end: int) -> bool:
    return text[end : end + 4].lstrip(" *_\"')")[:1] == "?"
