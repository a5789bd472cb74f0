"""What lists in a column of answers mean: sets of labels, several right answers, or items that are all wanted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

from rung.data.read.where import as_text
from rung.verify.label_sets import is_set_of_few, parts_of, separator_of

ListKind = Literal["several labels", "alternatives", "references", "required items"]
ALTERNATIVE_NAMES = frozenset(
    ["alias", "aliases", "alternative", "alternatives", "acceptable", "accepted", "reference", "references", "variant", "variants"]
)
LONG_CHARS = 60
ALIKE = 0.5  # share of a list's pairs of items, and of two items' words
LOOKED_AT = 2000  # lists, and of each the first few items
MOST_LABELS_SHOWN = 20
WHERE_ALL = "Where all of them are wanted, in any order or in this one, write match: all or match: in_order."


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What the lists are, with the settings that this asks for and a remark that says what it was told by."""

    kind: ListKind
    remark: str
    settings: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


def lists_in(targets: Sequence[Any], column: str = "") -> Lists | None:
    """What the lists among the answers mean; None where answers are no lists, nor texts with marks between labels."""
    if all(isinstance(target, str) for target in targets):
        return _marked([str(target) for target in targets])
    lists = [[as_text(item) for item in target] if isinstance(target, list) else [as_text(target)] for target in targets]
    of_one = not any(len(items) > 1 for items in lists)
    if of_one or not all(isinstance(target, str) or (isinstance(target, list) and _plain(target)) for target in targets):
        return None
    if is_set_of_few(lists):
        return _labels(lists, "the answers are lists of few different texts, none twice in one", {})
    several = [items for items in lists if len(items) > 1][:LOOKED_AT]
    named = bool(ALTERNATIVE_NAMES & set(re.findall(r"[a-z]+", column.casefold())))
    alike = sum(map(_alike, several)) / len(several)
    if named or alike >= ALIKE:
        why = f"the column is called {column}" if named else f"in {alike:.0%} of the lists the items are much alike"
        long = sum(sum(map(len, items)) / len(items) for items in several) / len(several) > LONG_CHARS
        remark = f"The answers are lists, taken for several right answers each (match: any): {why}. {WHERE_ALL}"
        return Lists(kind="references" if long else "alternatives", remark=remark)
    remark = (
        f"The answers are lists, taken for items that are all wanted (match: all): in only {alike:.0%} of them they are alike. "
        "Where any one of them is right, write match: any; where their order counts, match: in_order."
    )
    return Lists(kind="required items", remark=remark)


def _plain(items: Sequence[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in items)


def _marked(texts: Sequence[str]) -> Lists | None:
    mark = separator_of(texts)
    if mark is None:
        return None
    told = f"between labels that come back in other company stands {mark!r}"
    return _labels([parts_of(text, mark) for text in texts], told, {"separator": mark})


def _labels(lists: Sequence[Sequence[str]], told: str, settings: dict[str, Any]) -> Lists:
    counts = Counter(label for labels in lists for label in labels)
    shown = ", ".join(f"{label} {count:,}" for label, count in counts.most_common(MOST_LABELS_SHOWN))
    rest = f", and {len(counts) - MOST_LABELS_SHOWN} more" if len(counts) > MOST_LABELS_SHOWN else ""
    mean = counts.total() / len(lists)
    remark = f"Each answer is a set of labels, {mean:.1f} on average: {told}. Labels: {shown}{rest}."
    return Lists(kind="several labels", remark=remark, settings=settings, labels=tuple(sorted(counts)))


def _alike(items: Sequence[str]) -> bool:
    """Whether most items of a list say the same: one is in the other, or they share most of their words."""
    keys = [" ".join(re.findall(r"\w+", item.casefold())) for item in items[:6]]
    pairs = [*combinations(keys, 2)]
    return sum(map(_same, pairs)) >= ALIKE * len(pairs)


def _same(pair: tuple[str, str]) -> bool:
    left, right = (set(text.split()) for text in pair)
    inside = bool(pair[0] and pair[1]) and (f" {pair[0]} " in f" {pair[1]} " or f" {pair[1]} " in f" {pair[0]} ")
    return inside or pair[0] == pair[1] or len(left & right) >= ALIKE * max(len(left | right), 1)
