"""Lines of text without columns: each a row, with its label in front, at the end or before a mark."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from rung.data.read import files
from rung.data.read.layout import Layout
from rung.data.read.rows import RawRow, Row, RowError, Table, check_characters

TEXT, LABEL = "text", "label"
FASTTEXT, EVERY = "__label__", "every __label__"

Cut = Callable[[str], tuple[str, str | list[str]]]


def text_table(path: Path, shown: str, encoding: str | None, layout: Layout) -> Table:
    """The lines that are not blank, each with `text` and, where it has one, `label`."""
    text = files.lines(path, shown, encoding)
    skipped = len(list(itertools.islice(text, layout.skip_lines)))
    return Table(shown=shown, format="text", rows=_rows(text, skipped), parse=_parser(layout.label or ""))


def _rows(text: Iterator[str], skipped: int) -> Iterator[RawRow]:
    for number, line in enumerate(text, start=skipped + 1):
        if line.strip():
            yield RawRow(number, line.strip())


def _parser(label: str) -> Callable[[str], Row]:
    cut = cutter(label)

    def parse(line: str) -> Row:
        check_characters(line)
        if not label:
            return {TEXT: line}
        text, found = cut(line)
        if not found or not text:
            raise RowError(f"the line has {'nothing beside its label' if found else 'no label'} ({label})")
        return {TEXT: text, LABEL: found}

    return parse


def cutter(label: str) -> Cut:
    """What cuts a line into its text and its label, each "" where there is none; `label` as in Layout."""
    if label in (FASTTEXT, EVERY):
        return lambda line: _fasttext(line, every=label == EVERY)
    if label == "last word":
        return _last_word
    if label.startswith("before first "):
        return lambda line: _around(line.partition(label.removeprefix("before first ")), ahead=True)
    if label.startswith("after last "):
        return lambda line: _around(line.rpartition(label.removeprefix("after last ")), ahead=False)
    return _first_word


def _first_word(line: str) -> tuple[str, str]:
    first, *rest = line.split(None, 1)
    return (rest[0].strip() if rest else "", first)


def _last_word(line: str) -> tuple[str, str]:
    *rest, last = line.rsplit(None, 1)
    return (rest[0].strip() if rest else "", last)


def _around(parts: tuple[str, str, str], *, ahead: bool) -> tuple[str, str]:
    before, mark, after = parts[0].strip(), parts[1], parts[2].strip()
    if not mark:
        return "", ""
    return (after, before) if ahead else (before, after)


def _fasttext(line: str, *, every: bool) -> tuple[str, str | list[str]]:
    """`__label__a __label__b text`; a list of all labels, or the one that there is."""
    words = line.split()
    labels = [word.removeprefix(FASTTEXT) for word in words if word.startswith(FASTTEXT)]
    text = " ".join(word for word in words if not word.startswith(FASTTEXT))
    return text, labels if every or len(labels) > 1 else (labels[0] if labels else "")
