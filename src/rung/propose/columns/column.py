"""What one column of a file holds, over the rows looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.data.read.where import as_text, number

MOST_CLASSES = 100
MOST_CLASS_CHARS = 80

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one column holds, over the rows looked at."""

    name: str
    rows: int
    values: Counter[str]
    structured: float
    numbers: float
    mean_chars: float

    @property
    def filled(self) -> int:
        return self.values.total()

    @property
    def distinct(self) -> float:
        """Share of the filled rows that a column's different values would be."""
        return len(self.values) / max(self.filled, 1)

    @property
    def words(self) -> frozenset[str]:
        """The words of the name: customer_id and CustomerId are customer, id."""
        return frozenset(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name).casefold()))

    @property
    def is_closed_set(self) -> bool:
        return is_closed_set(self.values)


def is_closed_set(values: Counter[str]) -> bool:
    """Between 2 and 100 short values, each standing twice on average."""
    few = 2 <= len(values) <= min(MOST_CLASSES, values.total() // 2)
    return few and max(map(len, values)) <= MOST_CLASS_CHARS


def columns_of(rows: Rows) -> dict[str, Column]:
    """Every column that any row has, in the order of their first appearance."""
    return {name: _column(name, rows) for name in dict.fromkeys(name for row in rows for name in row)}


def _column(name: str, rows: Rows) -> Column:
    filled = [row[name] for row in rows if row.get(name) is not None and as_text(row[name])]
    texts = [as_text(value) for value in filled]
    count = max(len(filled), 1)
    pairs = zip(filled, texts, strict=True)
    return Column(
        name=name,
        rows=len(rows),
        values=Counter(texts),
        structured=sum(isinstance(value, (dict, list)) or text.startswith("{") for value, text in pairs) / count,
        numbers=sum(number(value) is not None for value in filled) / count,
        mean_chars=sum(map(len, texts)) / count,
    )
