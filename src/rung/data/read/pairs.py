"""Answers in a second file, beside each line of the first or under the same id; and which file holds the answers to another."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.data.read import files
from rung.data.read.rows import RawRow, Row, RowError, Table
from rung.errors import UserError

KEY = "data.format.answers"
TEXT, ANSWER = "text", "answer"
PAIRS = (
    ("src", "tgt"),
    ("src", "trg"),
    ("source", "target"),
    ("input", "output"),
    ("inputs", "outputs"),
    ("question", "answer"),
    ("questions", "answers"),
    ("prompt", "response"),
    ("prompts", "responses"),
    ("prompt", "completion"),
    ("text", "label"),
    ("texts", "labels"),
    ("sentences", "labels"),
    ("seq.in", "label"),
    ("seq.in", "seq.out"),
    ("document", "summary"),
    ("complex", "simple"),
    ("x", "y"),
)
LANGUAGES = re.split(
    " ", "en de fr es it pt nl pl cs ro ru uk zh ja ko ar hi tr sv da fi no hu el he vi th id fa bg et lv lt is ga"
)
TABLE_SUFFIXES = frozenset([".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"])


def paired(path: Path, shown: str, encoding: str | None, answers: str, open_: Callable[[Path], Table]) -> Table:
    """The rows of a file with what the file `answers`, beside it, says to each.

    Of two files of plain lines each row is `text` and `answer`, line by line, blank lines too. Of tables the rows are joined by a
    column of both whose values are all different, such as `id`, else one by one.
    Raises UserError where there is no such file, or where the two are not of one length.
    """
    other = path.parent / answers
    if not other.is_file():
        raise UserError(
            f"there is no file '{answers}' beside {path.name}", where=KEY, hint="The name is relative to the data file."
        )
    if is_lines(path) and is_lines(other):
        return _by_line(path, other, shown, encoding)
    return _joined(open_(path), open_(other), other.name)


def other_half(path: Path) -> Path | None:
    """The file beside a file that by its name holds the answers to it, or the questions of it; None where there is none."""
    if not path.is_file():
        return None
    for entry in sorted(path.parent.iterdir()):
        if entry != path and entry.is_file() and any(_are_pair(path.name.lower(), entry.name.lower(), pair) for pair in PAIRS):
            return entry
    language = path.suffix[1:].lower()
    if language in LANGUAGES:
        same = [
            entry for entry in sorted(path.parent.iterdir()) if entry.stem == path.stem and entry.suffix[1:].lower() in LANGUAGES
        ]
        return next((entry for entry in same if entry != path), None)
    return None


def is_lines(path: Path) -> bool:
    """Whether a file is one of plain lines, by its name."""
    return Path(path.name.lower().removesuffix(".gz")).suffix not in TABLE_SUFFIXES


def refuse_half(path: Path, shown: str) -> None:
    """Raises UserError, naming the other file, where a file of plain lines is one half of a pair."""
    other = other_half(path) if is_lines(path) else None
    if other is None or not is_lines(other) or _lines_in(path) != _lines_in(other):
        return
    asked, told = _in_order(path, other)
    hint = f"Join them: rung init {asked} --format answers={told}; in a task file data.format: {{answers: {told}}}."
    raise UserError(f"one half of a pair: line by line, {other.name} beside it holds the other", where=shown, hint=hint)


def _in_order(path: Path, other: Path) -> tuple[str, str]:
    """The names, the questions' first."""
    name, beside = path.name.lower(), other.name.lower()
    answers = any(_has(name, second) and _are_pair(name, beside, (first, second)) for first, second in PAIRS)
    return (other.name, path.name) if answers else (path.name, other.name)


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])")


def _has(name: str, word: str) -> bool:
    return _word(word).search(name) is not None


def _are_pair(name: str, other: str, pair: tuple[str, str]) -> bool:
    """Whether two names differ in that one says the first word of a pair where the other says the second."""
    for here, there in (pair, pair[::-1]):
        if _has(name, here) and (_word(here).sub(there, name) == other or (name == here and other == there)):
            return True
    return False


def _lines_in(path: Path) -> int:
    with files.open_bytes(path) as file:
        return sum(1 for _ in file)


def _by_line(path: Path, other: Path, shown: str, encoding: str | None) -> Table:
    count, answers = _lines_in(path), _lines_in(other)
    if count != answers:
        hint = f"Line n of {other.name} answers line n of {path.name}: find where one is missing."
        raise UserError(f"{path.name} has {count:,} lines, {other.name} {answers:,}", where=shown, hint=hint)
    return Table(shown=shown, format="text", rows=_pairs_of_lines(path, other, shown, encoding), parse=_pair)


def _pairs_of_lines(path: Path, other: Path, shown: str, encoding: str | None) -> Iterator[RawRow]:
    asked, told = files.lines(path, shown, encoding), files.lines(other, other.name, encoding)
    both = zip(asked, told, strict=True)
    for number, (text, answer) in enumerate(((first.strip(), second.strip()) for first, second in both), start=1):
        if text or answer:
            yield RawRow(number, (text, answer, other.name))


def _pair(content: tuple[str, str, str]) -> Row:
    text, answer, other = content
    if not text or not answer:
        raise RowError("the line is empty" if not text else f"the line of {other} is empty")
    return {TEXT: text, ANSWER: answer}


def _joined(asked: Table, told: Table, other: str) -> Table:
    rows, answers = _read(asked), _read(told)
    by = _shared_key([row for _, row in rows if isinstance(row, Mapping)], [row for _, row in answers if isinstance(row, Mapping)])
    if by is None and len(rows) != len(answers):
        hint = "Give both an `id` column to join them by."
        raise UserError(f"{len(rows):,} rows, and {len(answers):,} in {other}", where=asked.shown, hint=hint)
    known = {str(row.get(by)): row for _, row in answers if isinstance(row, Mapping)} if by else {}
    made = []
    for at, (line, row) in enumerate(rows):
        answer: Any = known.get(str(row.get(by))) if by and isinstance(row, Mapping) else None if by else answers[at][1]
        made.append(RawRow(line, _both(row, answer, by, other)))
    return Table(shown=asked.shown, format=asked.format, rows=iter(made), parse=_parse, places=asked.places)


def _read(table: Table) -> list[tuple[int, Row | RowError]]:
    found: list[tuple[int, Row | RowError]] = []
    for line, content in table.rows:
        try:
            found.append((line, table.parse(content)))
        except RowError as error:
            found.append((line, error))
    return found


def _shared_key(rows: Sequence[Row], answers: Sequence[Row]) -> str | None:
    """A column of both whose values are all different in each, most of them found in the other."""
    if not rows or not answers:
        return None
    for name in rows[0]:
        if name in answers[0]:
            own, others = [str(row.get(name)) for row in rows], [str(row.get(name)) for row in answers]
            unique = len(set(own)) == len(own) and len(set(others)) == len(others)
            if unique and len(set(own) & set(others)) > len(own) / 2:
                return name
    return None


def _both(row: Row | RowError, answer: Row | RowError | None, by: str | None, other: str) -> Row | RowError:
    if isinstance(row, RowError) or isinstance(answer, RowError):
        return row if isinstance(row, RowError) else RowError(f"{other}: {answer}")
    if answer is None:
        return RowError(f"{other} has no row for {by} {row.get(by) if by else ''}".rstrip())
    own = dict(itertools.chain(row.items()))
    return own | {(f"answer_{name}" if name in own else name): value for name, value in answer.items() if name != by}


def _parse(content: Any) -> Row:
    if isinstance(content, RowError):
        raise content
    row: Row = content
    return row
