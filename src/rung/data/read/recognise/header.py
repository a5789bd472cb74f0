"""Whether the first row of a table names its columns, or is a row like those below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rung.data.read.recognise.sample import words
from rung.data.read.where import number

CELLS = 2000
CLOSED = 5  # a value stands so often on average in a closed set
FEWEST = 8  # rows from which on a column's values say anything
LONG_WORDS = 4
NAMES = words(
    "id uid uuid idx index row no nr key text texts label labels input inputs output outputs target targets prompt "
    "completion question questions answer answers query response reply instruction context passage document title "
    "body subject content message messages sentence sentence1 sentence2 premise hypothesis category categories "
    "class classes intent intents sentiment emotion topic tag tags type name names value score rating stars date "
    "time timestamp year source lang language url link user author group split fold summary description comment "
    "comments review reviews tweet post email from to en de fr es it pt ru zh ja ar english german french spanish "
    "code comment note notes priority status department team product price amount count total result verdict reason "
    "explanation difficulty level option options choice choices correct correct_answer ground_truth gold expected "
    "reference domain word words token tokens translation original train test label_text label_name v1 v2 col1 col2 "
    "x y"
)
IDENTIFIER = re.compile(r"[A-Za-z]+\d*(?:_[A-Za-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+|Unnamed: \d+")
SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’»)]*$")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """For and against a header: weights, and the strongest reason on each side."""

    data: float
    header: float
    because_data: str
    because_header: str

    @property
    def is_header(self) -> bool:
        """Without evidence on either side a table begins with its columns' names."""
        return self.header >= self.data

    @property
    def doubtful(self) -> bool:
        return abs(self.header - self.data) < 1

    @property
    def because(self) -> str:
        return self.because_header if self.is_header else self.because_data


def evidence(first: Sequence[str], below: Sequence[Sequence[str]]) -> Evidence:
    """What the first row of a table is, by the rows below it; rows equal to it are left out: they are headers of pieces."""
    rows = [row for row in below[:CELLS] if list(row) != list(first)]
    cells = [cell.strip() for cell in first]
    counted = _counts_up(cells)
    votes: list[tuple[float, str]] = []
    for at, cell in enumerate(cells):
        values = [row[at].strip() for row in rows if len(row) > at and row[at].strip()]
        if cell and values:
            votes.append(_vote(cell, values, counted=counted and number(cell) is not None))
    if twice := [name for name, count in Counter(filter(None, cells)).items() if count > 1]:
        votes.append((-1.0, f"it says {_short(twice[0])} twice"))
    data = [vote for vote in votes if vote[0] < 0]
    header = [vote for vote in votes if vote[0] > 0]
    return Evidence(
        data=-sum(weight for weight, _ in data),
        header=sum(weight for weight, _ in header),
        because_data=min(data, default=(0.0, ""))[1],
        because_header=max(header, default=(0.0, "nothing in it recurs below"))[1],
    )


def _counts_up(cells: Sequence[str]) -> bool:
    """0, 1, 2, ... or years: names that numbers have, not values."""
    numbers = [int(cell) for cell in cells if re.fullmatch(r"\d{1,4}", cell)]
    in_order = len(numbers) > 1 and all(b - a == 1 for a, b in pairwise(numbers))
    return in_order and (numbers[0] in (0, 1) or 1900 <= numbers[0] <= 2100) and len(numbers) >= len(cells) - 1


def _vote(cell: str, values: Sequence[str], *, counted: bool) -> tuple[float, str]:
    """Below zero where the cell is like the values below it; above where it is a name."""
    counts = Counter(values)
    said = _short(cell)
    if counted and counts[cell] < len(values) / 50:
        return 2.0, "its cells count up"
    numbers = sum(number(value) is not None for value in values) / len(values)
    if numbers > 0.9:
        return (
            (-2.0, f"{said} is a number like those below it") if number(cell) is not None else (3.0, f"{said} stands above numbers")
        )
    named = cell.casefold().replace(" ", "_") in NAMES or bool(IDENTIFIER.fullmatch(cell))
    if counts[cell]:
        weight = 3.0 if counts[cell] > 1 or len(values) < CLOSED * len(counts) else 2.0
        return (-weight / (3 if named else 1), f"{said} stands below it {_times(counts[cell])}")
    if named:
        return 3.0, f"{said} is a name of columns"
    if len(values) >= FEWEST and CLOSED * len(counts) <= len(values):
        return (2.0 if 2 * CLOSED * len(counts) <= len(values) else 1.0), f"{said} is none of the {len(counts)} values below it"
    return _by_form(cell, values)


def _by_form(cell: str, values: Sequence[str]) -> tuple[float, str]:
    """For columns whose values are all different: dates, numbers of orders, sentences."""
    said = _short(cell)
    form, share = Counter(map(_form, values)).most_common(1)[0]
    if _share(share, values) > 0.9 and re.search(r"[9@./:-]", form):
        return (
            (-2.0, f"{said} looks like the values below it") if _form(cell) == form else (2.0, f"{said} looks unlike those below")
        )
    if SENTENCE_END.search(cell) and _share(sum(bool(SENTENCE_END.search(value)) for value in values), values) > 0.5:
        return -1.5, f"{said} ends like those below it"
    lengths = sorted(map(len, values))
    spaced = sorted(len(value.split()) for value in values)
    if lengths[len(lengths) // 2] < 12 and spaced[len(spaced) // 2] < LONG_WORDS:
        return 0.0, ""
    long = len(cell) >= lengths[len(lengths) // 20] and (len(cell.split()) >= LONG_WORDS or len(cell) >= lengths[len(lengths) // 4])
    if long or (SENTENCE_END.search(cell) and len(cell) >= lengths[0]):
        return -2.0, f"{said} is a text like those below it"
    return (2.0, f"{said} is shorter than the texts below it") if len(cell) < lengths[len(lengths) // 50] else (0.0, "")


def _form(value: str) -> str:
    """`2024-05-01` is 9-9-9, `AB-12` A-9: what kinds of characters follow each other."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "A", value))


def _share(count: int, values: Sequence[str]) -> float:
    return count / len(values)


def _short(cell: str) -> str:
    return f"'{cell if len(cell) <= 40 else cell[:37] + '...'}'"


def _times(count: int) -> str:
    return "too" if count == 1 else f"{count:,} times"
