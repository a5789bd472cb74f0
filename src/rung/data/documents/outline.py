"""What of a text's form its chunks must be told: the titles above a place, and the header of the table that it lies in.

Read line by line, in one pass: no line of a stranger's document takes longer than it is long.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*$)|~{3,})")
_ROW = re.compile(r"[ \t>]*\|")
# The line under a table's header: cells of dashes, of which colons say how they are aligned.
_DASHES = re.compile(r"[ \t>|:-]+$")
_UNDERLINE = re.compile(r" {0,3}(={2,}|-{2,})[ \t]*$")
# What no title begins with: it is a list, a quotation, a table or code.
_NO_TITLE = re.compile(r"(?:    |\t|[ ]{0,3}(?:[-*+>|]|\d+[.)])(?:[ \t]|$))")
# reStructuredText and many a text file: a title, and as long a line of one mark under it.
_MARKS = re.compile(r"([=\-~^\"'#*+.`])\1{2,}[ \t]*$")


@dataclass(frozen=True, kw_only=True)
class Title:
    """A heading: where its line begins, its level, and its words."""

    place: int
    level: int
    words: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: its rows are the characters `start` to `end`, and `header` names what stands in them."""

    start: int
    end: int
    header: str


def titles_of(text: str, *, markdown: bool) -> list[Title]:
    """In Markdown the lines of `#` and those underlined, outside of code; else those underlined, their marks levels in the order of
    their first use."""
    return list(_titles(_lines(text))) if markdown else _underlined(text)


def above(titles: Sequence[Title], starts: Sequence[int]) -> list[tuple[str, ...]]:
    """The titles above each of the places `starts`, which rise, as the titles' do: one pass over both."""
    path: list[Title] = []
    found, passed = [], 0
    for start in starts:
        while passed < len(titles) and titles[passed].place < start:
            path = [*(title for title in path if title.level < titles[passed].level), titles[passed]]
            passed += 1
        found.append(tuple(title.words for title in path))
    return found


def headers(text: str, starts: Sequence[int]) -> list[tuple[str, ...]]:
    """The header of the Markdown table that each of the places `starts` lies in the rows of; none elsewhere."""
    tables = list(_tables(_lines(text)))
    firsts = [table.start for table in tables]
    found: list[tuple[str, ...]] = []
    for start in starts:
        place = bisect_right(firsts, start) - 1
        inside = place >= 0 and start < tables[place].end and tables[place].header.strip("| ")
        found.append((tables[place].header,) if inside else ())
    return found


def _lines(text: str) -> list[tuple[int, str]]:
    """(place, line) outside of fenced code, of which each line is empty here, and of the settings that a file begins with."""
    found: list[tuple[int, str]] = []
    fence = ""
    place = 0
    settings = text.startswith("---\n") and bool(re.search(r"^(?:---|\.\.\.)[ \t]*$", text[4:20_000], re.MULTILINE))
    for number, line in enumerate(text.split("\n")):
        mark = _FENCE.match(line)
        shown = ""
        if settings:
            settings = number == 0 or line.rstrip() not in ("---", "...")
        elif fence:
            fence = "" if mark and mark[1].startswith(fence) and not line[mark.end() :].strip() else fence
        elif mark:
            fence = mark[1]
        else:
            shown = line
        found.append((place, shown))
        place += len(line) + 1
    return found


def _titles(lines: Sequence[tuple[int, str]]) -> Iterator[Title]:
    before, place_before = "", 0
    for place, line in lines:
        open_line = line
        if mark := _HEADING.match(line):
            words = line[mark.end() :].strip()
            closed = words.rstrip("#")
            words = closed.rstrip() if closed != words and (not closed or closed[-1] in " \t") else words
            if words:
                yield Title(place=place, level=len(mark[1]), words=words)
            open_line = ""
        elif before and (under := _UNDERLINE.match(line)):
            yield Title(place=place_before, level=1 if under[1][0] == "=" else 2, words=before.strip())
            open_line = ""
        # Of several lines over a line of marks none is a title by itself.
        before = "" if before or not open_line.strip() or _NO_TITLE.match(open_line) else open_line
        place_before = place


def _tables(lines: Sequence[tuple[int, str]]) -> Iterator[Table]:
    number = 1
    while number < len(lines):
        header, dashes = lines[number - 1][1], lines[number][1]
        number += 1
        if "|" not in header or "|" not in dashes or "-" not in dashes or not _DASHES.match(dashes):
            continue
        bare = not _ROW.match(header)
        first = number
        while number < len(lines) and ("|" in lines[number][1] if bare else _ROW.match(lines[number][1])):
            number += 1
        if number > first:
            end = lines[number - 1][0] + len(lines[number - 1][1]) + 1
            yield Table(start=lines[first][0], end=end, header=header.strip("> \t").strip("|").strip())


def _underlined(text: str) -> list[Title]:
    marks: list[str] = []
    found = []
    before, place = "", 0
    for line in text.split("\n"):
        mark = _MARKS.match(line)
        if mark and before and not before[0].isspace() and len(line.rstrip()) >= len(before):
            if mark[1] not in marks:
                marks.append(mark[1])
            found.append(Title(place=place - len(before) - 1, level=marks.index(mark[1]) + 1, words=before.strip()))
        before = line
        place += len(line) + 1
    return found
