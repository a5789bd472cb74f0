"""At most so many rows of each group in dev and test, for a file in which a few groups have most of the rows.

Rows of one group are one draw from the world. Where a few are far larger than the rest, a mean over rows rests on these few, and no
bound proves much of it. With a cap groups weigh nearly alike, and many of them prove what few cannot (docs/statistics.md).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from rung.errors import UserError
from rung.types import Example, Finding

CAPPED = ("dev", "test")


def cap(examples: Sequence[Example], most: int, seed: int) -> tuple[Example, ...]:
    """The rows in their order, of each group in dev and test at most `most`, drawn from SHA-256 of seed and row; all of train.

    Raises UserError where no two rows share a group.
    """
    if len({row.group for row in examples}) == len(examples):
        hint = "Name the column that says which rows belong together in data.group, or leave 'most_per_group' out."
        raise UserError("no two rows share a group: nothing to cap", where="data.most_per_group", hint=hint)
    members: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for row in examples:
        if row.split in CAPPED:
            members[row.split, row.group].append(row)
    left_out = set[int]()
    for rows in members.values():
        left_out.update(map(id, sorted(rows, key=lambda row: _draw(seed, row))[most:]))
    return tuple(row for row in examples if id(row) not in left_out)


def _draw(seed: int, row: Example) -> bytes:
    return hashlib.sha256(f"cap {seed}:{row.digest}:{row.id}".encode("utf-8", "surrogatepass")).digest()


def changed_weights(before: Sequence[Example], after: Sequence[Example], most: int) -> Finding:
    """That scores are now of groups of at most so many rows, and what was left out."""
    had, kept = (Counter(row.split for row in rows) for rows in (before, after))
    told = " and ".join(f"{kept[name]:,} of {had[name]:,} {name} rows" for name in CAPPED if had[name])
    sizes = Counter((row.split, row.group) for row in before if row.split in CAPPED).values()
    cut = sum(size > most for size in sizes)
    parts = f"{cut:,} group{'s'[: cut > 1]} (the largest of {max(sizes):,} rows) gave a drawn part"
    message = (
        f"at most {most:,} row{'s'[: most > 1]} of a group: {told} are used; {parts}. Every score, bar and verdict is of groups "
        "cut so: large ones weigh less than in the file"
    )
    return Finding(severity="warning", message=message, count=len(before) - len(after))
