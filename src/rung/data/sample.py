"""A sample of rows: drawn, never the head of a file, which is often sorted by label.

Which items are drawn follows from the seed and from what they say (`key`), not from where they stand: a file in another order
gives the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from rung.json_form import canonical_json
from rung.types import Example

T = TypeVar("T")


def sample(rows: Sequence[Example], size: int, seed: int) -> list[Example]:
    """At most `size` rows, each target with its share of them (to within one row) as far as targets repeat; in the rows' order."""
    return draw(rows, size, seed, key=_row_key, by=lambda row: canonical_json(row.target))


def shuffled(rows: Sequence[Example], seed: int) -> list[Example]:
    """All rows in a random order that does not hang on the one they come in; equal rows keep theirs."""
    return sorted(rows, key=lambda row: _hashed(seed, _row_key(row)))


def draw(
    items: Sequence[T], size: int, seed: int, *, key: Callable[[T], str], by: Callable[[T], str] = lambda _item: ""
) -> list[T]:
    """At most `size` items in their own order; all of them where there are no more.

    A systematic sample (Madow and Madow, 1944): strata, and the items of each, in a random order, and from that line every
    n/size-th item from a random start. Every item has the chance size/n; of m items of a stratum m * size/n are drawn, rounded
    up or down.

    key  what an item says, by which alone it is told from others
    by   its stratum; without it a simple random sample
    """
    if size >= len(items):
        return list(items)
    if size <= 0:
        return []
    line = sorted(range(len(items)), key=lambda place: (_hashed(seed, by(items[place])), _hashed(seed, key(items[place]))))
    start = int(_hashed(seed, f"start {len(items)} {size}")[:13], 16) / 16**13
    return [items[place] for place in sorted(line[int((step + start) * len(items) / size)] for step in range(size))]


def _row_key(row: Example) -> str:
    """What it asks and expects: an id may be the line that it stands on."""
    return row.digest


def _hashed(seed: int, text: str) -> str:
    return hashlib.sha256(f"{seed} {text}".encode("utf-8", "surrogatepass")).hexdigest()
