"""What rows say besides question and answer: ids, splits, groups, a system text, the calls that are right."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.data.own_fields import SPLIT_NAMES
from rung.data.shapes.columns import Columns
from rung.propose.columns import words
from rung.propose.columns.column import Column, Rows
from rung.types import SPLITS

CALL_KEYS = frozenset(("name", "arguments"))
LARGEST_GROUP = 0.3
FEWEST_GROUPS = 10
FEWEST_TEXTS = 50
REPEATED = 0.8  # share of different values, up to which a text is said to come back
IDS = frozenset(("id", "uid", "uuid", "guid", "row", "index", "idx", "key", "nr", "no"))


@dataclass(frozen=True, kw_only=True)
class Group:
    """A column whose rows stay in one split, and why."""

    name: str
    because: str


def guess_extra(columns: Mapping[str, Column], taken: Sequence[str]) -> Columns:
    """An id column whose values are all different, a split column that names all three splits, a system text, and right calls."""
    free = [column for column in columns.values() if column.name not in taken and column.filled == column.rows]
    calls = [c.name for c in free if c.name == "calls" and all(set(re.findall(r"\w+", text)) >= CALL_KEYS for text in c.values)]
    splits = [c.name for c in free if names_splits(c) and {SPLIT_NAMES[v.casefold()] for v in c.values} == set(SPLITS)]
    systems = [c.name for c in columns.values() if c.name not in taken and is_system(c)]
    return Columns(
        id=next((c.name for c in free if _is_id(c)), None),
        split=next(iter(splits), None),
        system=next(iter(systems), None),
        calls=next(iter(calls), None),
    )


def is_system(column: Column) -> bool:
    """Whether a column holds what a model is told before the question."""
    return bool(column.called.known & words.SYSTEM) and column.look == "text" and column.called.known <= words.SYSTEM | {
        "prompt", "message", "instruction", "text", "content"
    }  # fmt: skip


def names_splits(column: Column) -> bool:
    """Whether a column says which split a row is in, whichever splits there are."""
    return (
        bool(column.called.known & words.SPLIT) and bool(column.values) and all(v.casefold() in SPLIT_NAMES for v in column.values)
    )


def is_half_split(column: Column) -> bool:
    """Whether it parts the rows in two, as is_train does; rung needs three."""
    flag = column.look == "mark" and bool(column.called.known & {"train", "test", "holdout", "valid", "validation"})
    return flag or (names_splits(column) and {SPLIT_NAMES[v.casefold()] for v in column.values} != set(SPLITS))


def _is_id(column: Column) -> bool:
    return column.called.head in IDS and len(column.values) == column.rows and column.look != "text"


def guess_group(
    columns: Mapping[str, Column], rows: Rows, inputs: Sequence[str] = (), target: str | None = None, *, is_free: bool = False
) -> Group | None:
    """A column named after someone or something that rows may share, whose values repeat without any of them ruling; else a part
    of the question that comes back, where the answers to it differ (`is_free`) or the rest of the question does.
    """
    named = [column for column in columns.values() if column.name not in inputs and column.name != target and _names_group(column)]
    shared = _shared_text(columns, inputs) if is_free or len(inputs) > 1 else None
    if shared and len(shared.values) >= FEWEST_TEXTS:
        # Chapters of few books are no groups to prove anything by where the passages in them are.
        named = [column for column in named if len(column.values) >= FEWEST_TEXTS or len(column.values) > len(shared.values)]
    for column in sorted(named, key=lambda column: not column.called.known & words.PEOPLE):
        if _repeats(column) and not (target and _tells(column.name, target, columns, rows)):
            return Group(
                name=column.name, because=f"{column.name} comes back: {len(column.values):,} of them in {column.filled:,} rows"
            )
    if shared and shared.distinct <= REPEATED and len(shared.values) >= FEWEST_TEXTS and _repeats(shared):
        told = f"{len(shared.values):,} different texts stand in {shared.filled:,} rows, and none may be in two splits"
        return Group(name=shared.name, because=told)
    return None


def _shared_text(columns: Mapping[str, Column], inputs: Sequence[str]) -> Column | None:
    """The longest part of the question."""
    read = [columns[name] for name in inputs if columns[name].look == "text"]
    return max(read, key=lambda column: column.mean_words, default=None)


def _names_group(column: Column) -> bool:
    known = column.called.known
    if column.look in ("object", "list", "numbers", "mark", "date"):
        return False
    whole = bool(known & words.GROUP) and known <= words.GROUP | IDS | {"number", "name", "email"}
    coded = (
        column.called.head in IDS
        and len(known) > 1
        and column.distinct <= REPEATED
        and not known & {"label", "class", "category", "intent", "target"}
    )
    shared = column.called.head in ("title", "titel") and column.distinct < 0.3
    return whole or coded or shared


def _repeats(column: Column) -> bool:
    repeats = FEWEST_GROUPS <= len(column.values) < column.filled and column.filled >= 0.9 * column.rows
    return repeats and column.values.most_common(1)[0][1] <= LARGEST_GROUP * column.filled


def _tells(group: str, target: str, columns: Mapping[str, Column], rows: Rows) -> bool:
    """Whether a group says which class its rows are of, so that whole classes would go to one split."""
    if not columns[target].is_closed_set:
        return False
    classes: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        classes[str(row.get(group))].add(str(row.get(target)))
    several = [found for found in classes.values() if found]
    return len(several) <= 3 * len(columns[target].values) and all(len(found) == 1 for found in several)
