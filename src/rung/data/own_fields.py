"""What a row says of itself beside question and answer: its id, group, origin, split, and the documents that hold the answer.

A task file names the columns; what stands there and is none is then a bad row. Rows that say themselves what is what may have
fields of these names too, which are as often words of their owner's: they count where they behave as such; what does not is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from rung.data.findings import in_rows
from rung.data.read.rows import Row, RowError
from rung.data.read.source import Source
from rung.data.read.where import as_text
from rung.data.sensitive import shown
from rung.data.shapes.columns import Columns
from rung.errors import did_you_mean
from rung.parts import Gold
from rung.types import SPLITS, Finding, Origin

ORIGINS = ("human", "log", "synthetic", "augmented")
SPLIT_NAMES = {
    **{name: name for name in SPLITS},
    "validation": "dev",
    "valid": "dev",
    "val": "dev",
    "test": "test",
    "eval": "test",
    "gate": "test",
}
SMALL = 100  # rows, of which a few may well make up a group
FEWEST_GROUPS = 10
LARGEST_GROUP = 0.5
NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a row says of itself; "" where it says nothing."""

    id: str
    group: str
    origin: Origin
    split: str
    gold: tuple[Gold, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OwnFields:
    """Where rows say these things. `findings`: which of their fields were not taken so.

    named  what the task file names: another value there is an error
    taken  what is taken besides, of rows that say themselves what is what
    """

    named: Columns
    taken: Columns
    findings: tuple[Finding, ...] = ()

    def id_of(self, row: Row) -> str:
        """The row's own id, "" where it has none."""
        return _said(row, self.named.id or self.taken.id)

    def of(self, row: Row) -> Given:
        """What a row says of itself. Raises RowError."""
        origin = _said(row, self.named.origin)
        own = _said(row, self.taken.origin).casefold()
        split = _said(row, self.named.split)
        return Given(
            id=self.id_of(row),
            group=_said(row, self.named.group or self.taken.group),
            origin=cast(Origin, _one_of(origin, _ORIGINS, "origin") if origin else _ORIGINS.get(own, "human")),
            split=_one_of(split, SPLIT_NAMES, "split") if split else "",
            gold=_gold(row, self.named.gold or self.taken.gold),
        )


_ORIGINS = {name: name for name in ORIGINS}


def own_fields(rows: Sequence[Row], source: Source, *, self_described: bool) -> OwnFields:
    """Where these rows say what they are."""
    columns = source.columns
    named = Columns(
        id=columns.id, group=source.group or columns.group, origin=columns.origin, split=columns.split, gold=columns.gold
    )
    used = {name for _, name in columns.places()} | {source.group}
    doubts: dict[str, Callable[[str, Sequence[Row]], str]] = {"gold": _no_gold}
    if self_described:
        doubts |= {"id": _no_id, "group": _no_group, "origin": _no_origin, "split": _no_split}
    free = {key: doubt for key, doubt in doubts.items() if key not in used and getattr(named, key) is None}
    found = {key: doubt(key, rows) for key, doubt in free.items() if any(row.get(key) is not None for row in rows)}
    # An origin counts row by row, and a split only where it is named: a stray one must change nothing.
    taken = {key: key for key, doubt in found.items() if key == "origin" or (not doubt and key != "split")}
    findings = tuple(Finding(severity="info", message=doubt, check="own_fields") for doubt in found.values() if doubt)
    return OwnFields(named=named, taken=Columns(**taken), findings=findings)


def _no_id(key: str, rows: Sequence[Row]) -> str:
    counts = Counter(map(as_text, _filled(key, rows)))
    twice = [value for value, count in counts.items() if count > 1]
    if not twice and _are_plain(key, rows):
        return ""
    what = f"'{shown(twice[0])}' stands {counts[twice[0]]:,} times" if twice else "it holds more than texts and whole numbers"
    return f"'{key}' is not taken for the rows' ids, since {what}: rows are called by file and line"


def _no_group(key: str, rows: Sequence[Row]) -> str:
    counts = Counter(map(as_text, _filled(key, rows)))
    if not _are_plain(key, rows):
        return f"'{key}' is not taken for what rows must stay together by, since it holds more than texts and whole numbers"
    most = max(counts.values())
    if counts.total() < SMALL or (len(counts) >= FEWEST_GROUPS and most <= LARGEST_GROUP * counts.total()):
        return ""
    why = f"it has {len(counts):,} different values in {in_rows(counts.total())}, the most frequent in {most:,}"
    return f"'{key}' is not taken for what rows must stay together by, since {why}; data.group: {key} takes it so"


def _no_origin(key: str, rows: Sequence[Row]) -> str:
    strange = Counter(as_text(value) for value in _filled(key, rows) if as_text(value).casefold() not in _ORIGINS)
    if not strange:
        return ""
    told = f"'{key}' says {_some(strange)}, in {in_rows(strange.total())}, which is none of {', '.join(ORIGINS)}"
    return f"{told}: taken for words of your own, and those rows for human"


def _no_split(key: str, rows: Sequence[Row]) -> str:
    counts = Counter(map(as_text, _filled(key, rows)))
    if all(value.casefold() in SPLIT_NAMES for value in counts):
        return f"'{key}' names splits ({_some(counts)}) and is not used; data.columns: {{split: {key}}} takes them"
    return f"'{key}' says {_some(counts)}, which are no names of splits: taken for words of your own"


def _no_gold(key: str, rows: Sequence[Row]) -> str:
    numbers = sum(isinstance(value, bool | int | float) for value in _filled(key, rows))
    return f"'{key}' holds numbers in {in_rows(numbers)}: not taken for the documents that hold the answers" if numbers else ""


def _filled(key: str, rows: Sequence[Row]) -> Iterator[Any]:
    return (row[key] for row in rows if row.get(key) is not None and row[key] != "")


def _are_plain(key: str, rows: Sequence[Row]) -> bool:
    return all(isinstance(value, str | int) for value in _filled(key, rows))


def _some(counts: Mapping[str, int]) -> str:
    ordered = Counter(dict(counts)).most_common(NAMED)
    more = ", ..." if len(counts) > NAMED else ""
    return ", ".join(f"'{shown(value)}' ({count:,})" for value, count in ordered) + more


def _said(row: Row, name: str | None) -> str:
    value = None if name is None else row.get(name)
    return "" if value is None else as_text(value)


def _one_of(value: str, known: Mapping[str, str], what: str) -> str:
    if value.casefold() not in known:
        raise RowError(f"{what} is '{value}'. {did_you_mean(value, known)}")
    return known[value.casefold()]


def _gold(row: Row, column: str | None) -> tuple[Gold, ...]:
    """The documents that hold the row's answer, where it names them: names, or {"source", "start", "end"} in characters."""
    value = None if column is None else row.get(column)
    if value is None or value in ("", []):
        return ()
    gold = value if isinstance(value, list) else [value]
    spans = [part for part in gold if isinstance(part, Mapping) and _is_span(part)]
    if len(spans) + sum(isinstance(part, str) for part in gold) < len(gold):
        raise RowError(f"{column} is no list of document names, nor of {{source, start, end}}")
    return tuple(Gold(**part) if isinstance(part, Mapping) else Gold(source=part) for part in gold)


def _is_span(part: Mapping[str, Any]) -> bool:
    places = (part.get("start"), part.get("end"))
    return set(part) == {"source", "start", "end"} and isinstance(part["source"], str) and all(type(at) is int for at in places)
