"""What one column of a file holds, over the rows looked at: of what look its cells are, how long, how often each stands."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal

from rung.data.closed_set import is_closed_set
from rung.data.read.where import as_text, number
from rung.propose.columns.words import Name

Look = Literal["empty", "object", "list", "numbers", "number", "mark", "date", "link", "code name", "text", "words", "long words"]
Rows = Sequence[Mapping[str, Any]]

LOOKED_AT = 400  # rows of which the cells are looked at one by one
MOST = 0.9
LONGEST_PARSED = 20_000
TEXT_WORDS = 3.0  # on average, from which on cells are read and not looked up
LONG_WORD = 25
MARKS = frozenset(("0", "1", "0.0", "1.0", "true", "false", "yes", "no", "y", "n", "t", "f", "x"))
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?|\d{1,2}:\d\d(:\d\d)?"
    r"|(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? .*\d{1,2}:\d\d.*|\d{1,2} \w{3,9} \d{4}|\w{3,9} \d{1,2}, \d{4}"
)
_LINK = re.compile(
    r"(https?://|www\.|s3://|gs://)\S+|[\w.+-]+@[\w-]+\.[\w.]+|[\w./\\-]+\.(png|jpe?g|gif|txt|wav|mp3|mp4|pdf|html?|csv|json)"
)
_CODE_NAME = re.compile(r"(?=\S*\d)[A-Za-z0-9_./:#-]{3,}|[0-9a-f]{16,}")
_WIDE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
IN_FULL = {"q": "question", "a": "answer"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one column holds. `cells` are those of a few rows, the same rows for every column; None where they are empty."""

    name: str
    rows: int
    values: Counter[str]
    cells: tuple[Any, ...] = field(repr=False)
    said: str = ""  # what its name is short for

    @cached_property
    def called(self) -> Name:
        return Name(self.said or self.name)

    @cached_property
    def filled(self) -> int:
        return self.values.total()

    @property
    def share_filled(self) -> float:
        return self.filled / max(self.rows, 1)

    @property
    def distinct(self) -> float:
        """Share of the filled rows that a column's different values would be."""
        return len(self.values) / max(self.filled, 1)

    @cached_property
    def texts(self) -> tuple[str | None, ...]:
        """The cells as text."""
        return tuple(None if cell is None else as_text(cell) for cell in self.cells)

    @cached_property
    def present(self) -> tuple[str, ...]:
        return tuple(text for text in self.texts if text is not None)

    @cached_property
    def mean_words(self) -> float:
        """Words of a cell; in a script without blanks two characters count as one."""
        return sum(map(_words_in, self.present)) / max(len(self.present), 1)

    @cached_property
    def lists(self) -> tuple[list[Any] | dict[str, Any] | None, ...]:
        """The lists and objects that the cells are, or that their texts say."""
        return tuple(map(structure, self.cells))

    @cached_property
    def look(self) -> Look:
        """What nearly all cells are. `code name`: a1-77, no word; `words`: a name or two; `text`: to be read."""
        found = [value for value in self.lists if value is not None]
        if not self.present or len(found) >= MOST * len(self.present):
            return _structured(found) if found else "empty"
        if len(self.values) <= 4 and {value.casefold() for value in self.values} <= MARKS:
            return "mark"
        fitting: dict[Look, bool] = {
            "number": self._mostly(number(text) is not None for text in self.present),
            "date": self._mostly(bool(_DATE.fullmatch(text)) for text in self.present),
            "link": self._mostly(bool(_LINK.fullmatch(text)) for text in self.present),
            "text": self.mean_words >= TEXT_WORDS,
            "code name": self._mostly(bool(_CODE_NAME.fullmatch(text)) for text in self.present),
            "long words": sum(map(len, self.present)) > LONG_WORD * len(self.present),
        }
        return next((look for look, fits in fitting.items() if fits), "words")

    @property
    def is_closed_set(self) -> bool:
        return is_closed_set(self.values)

    @property
    def is_read(self) -> bool:
        """Whether its cells are texts to be read, and few of them the same."""
        return self.look == "text" and not (self.is_closed_set and self.distinct < 0.1 and self.mean_words < 8)

    @property
    def numbers(self) -> tuple[float, ...]:
        return tuple(found for text in self.values if (found := number(text)) is not None)

    @property
    def is_measured(self) -> bool:
        """Whether its numbers are quantities: decimals, or more of them than anybody would give names to."""
        found = self.numbers
        return self.look == "number" and (any(value % 1 for value in found) or len(found) > 20)

    def _mostly(self, fits: Iterable[bool]) -> bool:
        return sum(fits) >= MOST * len(self.present)


def columns_of(rows: Rows) -> dict[str, Column]:
    """Every column that any row has, in the order of their first appearance."""
    step = max(len(rows) // LOOKED_AT, 1)
    seen = rows[::step][:LOOKED_AT]
    names = dict.fromkeys(chain.from_iterable(rows))
    short = {name.strip().casefold() for name in names}
    said = IN_FULL if short >= IN_FULL.keys() and "b" not in short else {}  # beside B, A is an option
    return {name: replace(_column(name, rows, seen), said=said.get(name.strip().casefold(), "")) for name in names}


def structure(cell: Any) -> list[Any] | dict[str, Any] | None:
    """The list or object that a cell is, or that its text writes down, as JSON or as Python does."""
    if isinstance(cell, list | dict):
        return cell
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if text[:1] + text[-1:] not in ("[]", "{}") or len(text) > LONGEST_PARSED:
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return value if isinstance(value, list | dict) else None
    return None


def bare(text: str) -> str:
    """The letters and digits of a text, in one case."""
    return "".join(char for char in text.casefold() if char.isalnum())


def _structured(found: Sequence[list[Any] | dict[str, Any]]) -> Look:
    if sum(isinstance(value, dict) for value in found) * 2 > len(found):
        return "object"
    items = [item for value in found[:50] if isinstance(value, list) for item in value[:50]]
    of_numbers = bool(items) and all(isinstance(item, int | float) and not isinstance(item, bool) for item in items)
    return "numbers" if of_numbers else "list"


def _column(name: str, rows: Rows, seen: Rows) -> Column:
    return Column(name=name, rows=len(rows), values=_counted(name, rows), cells=tuple(_filled(row.get(name)) for row in seen))


def _counted(name: str, rows: Rows) -> Counter[str]:
    """The cells as text, with how often each stands. Where all are texts each different one is looked at once."""
    cells = [value for row in rows if (value := row.get(name)) is not None]
    if any(type(value) is not str for value in cells):
        return Counter(text for value in cells if (text := as_text(value)))
    counts = Counter[str]()
    for value, count in Counter(cells).items():
        if text := as_text(value):
            counts[text] += count
    return counts


def _filled(value: Any) -> Any:
    return None if value is None or not as_text(value) else value


def _words_in(text: str) -> float:
    wide = len(_WIDE.findall(text))
    return len(text.split()) if not wide else max(len(text.split()), wide / 2)
