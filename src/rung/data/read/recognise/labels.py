"""Lines of text without columns: where the label of a line stands, if lines have one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rung.data.read.recognise.header import NAMES
from rung.data.read.recognise.sample import words
from rung.data.read.text_lines import EVERY, FASTTEXT, cutter

MARKS_AHEAD = (":", "|", "=", "#", "@", "~", "^", " - ", ";", ",")
MARKS_BEHIND = ("@", "#", "|", "~", "^", "=", ":", " - ", ";", ",")
COVERED = 0.95
MOST_LABELS = 200
LABEL_CHARS = 40
# Words that begin sentences: few of them begin many, and they are no labels.
OPENERS = words(
    "a an the i you he she it we they my your his her our their this that these those there here what which who "
    "whom whose when where why how is are was were do does did can could will would should may might have has had "
    "if in on at to for from of with by as and or but so not no yes please hi hello dear thanks"
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where labels stand, as Layout says it; what they are; whether the first line has the names of text and label instead."""

    label: str
    labels: Counter[str]
    headed: bool = False


def label_place(lines: Sequence[str]) -> Place | None:
    """Where nearly every line has one of a few labels. None where no place has."""
    if sum(FASTTEXT in line.split(None, 1)[0] for line in lines) >= COVERED * len(lines):
        several = any(line.count(FASTTEXT) > 1 for line in lines)
        return Place(label=EVERY if several else FASTTEXT, labels=_found(lines, FASTTEXT))
    first = _place(lines, "first word")
    if first and any(mark in label[1:-1] for label in first.labels for mark in ":_/") and _closed(first.labels):
        return first
    marked = [f"before first {mark}" for mark in MARKS_AHEAD] + [f"after last {mark}" for mark in MARKS_BEHIND]
    places = [place for name in marked if (place := _place(lines, name))]
    if places:
        return min(places, key=lambda place: len(place.labels))
    if first and _is_apart(lines, first.labels):
        return first
    last = _place(lines, "last word")
    return last if last and _is_text(lines) and _closed(last.labels) else None


def _place(lines: Sequence[str], name: str) -> Place | None:
    found = _found(lines, name)
    first = cutter(name)(lines[0])
    headed = found[str(first[1])] == 1 and {str(part).casefold() for part in first} <= NAMES
    if headed:
        found -= Counter([str(first[1])])
    rows = len(lines) - headed
    alone = sum(count == 1 for count in found.values())
    few = 2 <= len(found) <= min(MOST_LABELS, rows // 5)
    short = all(len(label) <= LABEL_CHARS for label in found)
    ended = any(re.search(r"[.!?]$", label) for label in found)
    if not few or not short or ended or found.total() < COVERED * rows or alone > 0.02 * rows:
        return None
    return Place(label=name, labels=found, headed=headed)


def _found(lines: Sequence[str], name: str) -> Counter[str]:
    cut = cutter(name)
    pairs = (cut(line.strip()) for line in lines)
    return Counter(part for text, label in pairs if text for part in ([label] if isinstance(label, str) else label) if part)


def _closed(labels: Counter[str]) -> bool:
    """Whether no further label is to be expected (Good and Turing: as likely as the share of those that were seen once)."""
    return 1 not in labels.values() and 10 * len(labels) <= labels.total()


def _is_text(lines: Sequence[str]) -> bool:
    """Whether there is more on a line than a label and a word."""
    return sum(len(line.split(None, 2)) > 2 for line in lines) > 0.8 * len(lines)


def _is_apart(lines: Sequence[str], labels: Counter[str]) -> bool:
    """Whether first words are no part of the sentences that they stand before: codes, or words after which a sentence begins."""
    if not _is_text(lines):
        return False
    if sum(count for label, count in labels.items() if label.casefold() in OPENERS) > 0.2 * labels.total():
        return False
    if all(re.fullmatch(r"[A-Z0-9_:/+.-]+", label) for label in labels):
        return True
    seconds = [line.split(None, 2)[1] for line in lines if len(line.split(None, 2)) > 1]
    capitals = sum(word[0].isupper() for word in seconds) / len(lines)
    openers = sum(word.strip(",.!?").casefold() in OPENERS for word in seconds) / len(lines)
    titled = any(label[0].isupper() for label in labels)
    return _closed(labels) and ((capitals > 0.5 and not titled) or (openers > 0.2 and (not titled or capitals > 0.8)))
