"""Which column is which, told by names and by what the columns hold; for files whose rows do not say so themselves."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rung.data.inferred import Inference
from rung.data.load import SPLIT_NAMES
from rung.data.shapes.columns import Columns
from rung.errors import UserError
from rung.propose.columns.column import Column, Rows, columns_of
from rung.propose.columns.wanted import Wanted
from rung.types import SPLITS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


INPUT_NAMES = _words(
    "text input prompt question query message messages content body utterance sentence review comment tweet post email mail "
    "document passage article description transcript ticket request source"
)
TARGET_NAMES = _words(
    "label labels target category class intent sentiment topic tag expected answer answers output response completion result "
    "extraction extracted json fields entities summary translation rating verdict gold truth"
)
GROUP_NAMES = _words(
    "customer client user account patient author speaker document doc thread conversation session dialog dialogue case template "
    "group cluster company order household"
)
ASIDE_NAMES = _words("id uid uuid date time timestamp created confidence weight index url row")
SPLIT_COLUMNS = frozenset(("split", "fold", "subset", "partition"))
LARGEST_GROUP = 0.3
FEWEST_GROUPS = 10
CALL_KEYS = frozenset(("name", "arguments"))
NOTHING_WANTED = Wanted()


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What was made of a file's columns.

    columns, group, where, names  as in the task file
    unused      the columns that take no part
    inferences  why, for each role
    runners_up  columns that could be the answer instead, the likeliest first
    """

    columns: Columns
    group: str | None
    where: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    inferences: tuple[Inference, ...] = ()
    runners_up: tuple[str, ...] = ()


def guess_columns(rows: Rows, shown: str, wanted: Wanted = NOTHING_WANTED) -> Guess:
    """Input, target, and where they show themselves id, split and group.

    Raises UserError, with the columns' names, where no column can be the question or none the answer.
    """
    columns = columns_of(rows)
    asked = _best({name: _as_input(column) for name, column in columns.items()})
    rest = {name: column for name, column in columns.items() if name != asked}
    # Beside the question a last column can only be the answer, unless its name says that it is something else.
    only = 1.0 if len(rest) == 1 else 0.0
    target = _best({name: _as_target(column, only) for name, column in rest.items()})
    if asked is None or target is None:
        missing = "question" if asked is None else "answer"
        constant = [column for column in columns.values() if column.filled == column.rows > 1 and len(column.values) == 1]
        same = "".join(
            f"Every row says '{next(iter(column.values))}' under {column.name}: are other rows missing? " for column in constant
        )
        hint = f"{same}Name them in the task file: data.columns: {{input: ..., target: ...}}. Columns: {', '.join(columns)}."
        raise UserError(f"no column looks like the {missing}", where=shown, hint=hint)
    named = replace(guess_extra(columns, taken=(asked, target)), input=asked, target=target)
    group = guess_group(columns, taken=(asked, target))
    where = {target: "not empty"} if columns[target].filled < len(rows) else {}
    unused = tuple(name for name in columns if name not in (*named.named().values(), group))
    return Guess(columns=named, group=group, where=where, unused=unused)


def guess_extra(columns: Mapping[str, Column], taken: Sequence[str]) -> Columns:
    """An id column whose values are all different, a split column that names all three splits, and a column of right calls."""
    free = [column for column in columns.values() if column.name not in taken and column.filled == column.rows]
    ids = [c.name for c in free if c.words and c.words <= {"id", "uid", "uuid", "row"} and len(c.values) == c.rows]
    splits = [c.name for c in free if c.words <= SPLIT_COLUMNS and {SPLIT_NAMES.get(v.casefold()) for v in c.values} == set(SPLITS)]
    called = [columns["calls"]] if "calls" in columns and "calls" not in taken else []
    calls = [c.name for c in called if c.values and all(set(re.findall(r"\w+", text)) >= CALL_KEYS for text in c.values)]
    return Columns(id=next(iter(ids), None), split=next(iter(splits), None), calls=next(iter(calls), None))


def guess_group(columns: Mapping[str, Column], taken: Sequence[str]) -> str | None:
    """A column named after someone or something that rows may share, whose values repeat without any of them ruling."""
    for column in columns.values():
        named = column.words & GROUP_NAMES and column.words <= GROUP_NAMES | {"id", "no", "nr", "number", "key", "name"}
        repeats = FEWEST_GROUPS <= len(column.values) < column.filled and column.filled >= 0.9 * column.rows
        if column.name in taken or not named or not repeats or column.structured:
            continue
        if column.values.most_common(1)[0][1] <= LARGEST_GROUP * column.filled:
            return column.name
    return None


def _best(scores: Mapping[str, float]) -> str | None:
    name = max(scores, key=lambda name: scores[name], default=None)
    return name if name is not None and scores[name] > 0 else None


def _as_input(column: Column) -> float:
    """Questions are long, mostly different, text, filled, and called so."""
    if column.filled < 0.5 * column.rows or column.numbers > 0.9 or column.distinct < 0.2 or column.mean_chars < 2:
        return 0.0
    named = 2.0 * bool(column.words & INPUT_NAMES) - 2.0 * bool(column.words & (TARGET_NAMES | ASIDE_NAMES))
    return max(0.0, named + min(math.log10(column.mean_chars), 3) + column.distinct)


def _as_target(column: Column, only: float) -> float:
    """Answers are called so, or are a closed set, or structured, or all that there is."""
    if column.filled < 0.5 * column.rows or len(column.values) < 2:
        return 0.0
    aside = bool(column.words & ASIDE_NAMES) or bool(column.words & GROUP_NAMES) or column.words <= SPLIT_COLUMNS
    return (
        only + 3.0 * bool(column.words & TARGET_NAMES) + 2.0 * column.is_closed_set + 2.0 * (column.structured > 0.9) - 3.0 * aside
    )
