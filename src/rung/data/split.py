"""Duplicates out, then groups whole into train, dev and test; deterministic, and independent of the order of the rows."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from rung.errors import UserError, did_you_mean
from rung.json_form import digest
from rung.types import SPLITS, Example

Kind = Literal["exact", "normalised", "conflict"]
REST = "rest"  # what no other split asks for
_FINER = "Groups never straddle splits: choose a finer group, or smaller shares."


class Removed(NamedTuple):
    """A dropped row, the row that stays in its stead, and in what they are the same."""

    kept: Example
    dropped: Example
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Deduplicated:
    """`examples` in their order, each question once; `removed` says why the others went.

    exact       same question, same target
    normalised  same but for case, width and blanks
    conflict    same question after normalising, another target: the first row stays
    """

    examples: tuple[Example, ...]
    removed: tuple[Removed, ...]


def with_repeats(found: Deduplicated) -> tuple[Example, ...]:
    """The examples that are left; those that were repeated with their twins' targets as `repeats`."""
    repeats: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for pair in found.removed:
        repeats[pair.kept.split, pair.kept.id].append(pair.dropped.target)
    return tuple(replace(row, repeats=tuple(told)) if (told := repeats.get((row.split, row.id))) else row for row in found.examples)


class Leak(NamedTuple):
    """A test row whose question stands in train too."""

    test: Example
    train: Example


_LAST: list[tuple[tuple[Example, ...], Deduplicated]] = []


def normalise(text: str) -> str:
    """NFKC, case-folded, runs of blanks made one (Unicode Standard Annex 15 for NFKC)."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold().split())


def question_key(example: Example) -> str:
    """What is asked, normalised: equal for rows that ask the same in other case, width or spacing."""
    if len(example.messages) == 1 and not example.tools and isinstance(text := example.messages[0].get("content"), str):
        return f"{example.messages[0]['role']} {normalise(text)}"
    turns = [[m["role"], normalise(str(m.get("content") or "")), m.get("tool_calls")] for m in example.messages]
    return digest([turns, list(example.tools)])


def deduplicate(examples: Sequence[Example]) -> Deduplicated:
    """Keeps the first row of each question; rows with an explicit split are compared within it, so that leaks stay visible.

    Several checks ask it of the same rows one after the other: the last answer is kept.
    """
    if not isinstance(examples, tuple):
        return _deduplicated(examples)
    if not _LAST or _LAST[0][0] is not examples:
        _LAST[:] = [(examples, _deduplicated(examples))]
    return _LAST[0][1]


def _deduplicated(examples: Sequence[Example]) -> Deduplicated:
    first: dict[tuple[str, str], Example] = {}
    removed = []
    for example in examples:
        kept = first.setdefault((example.split, question_key(example)), example)
        if kept is not example:
            removed.append(Removed(kept, example, _kind(kept, example)))
    return Deduplicated(examples=tuple(first.values()), removed=tuple(removed))


def _kind(kept: Example, dropped: Example) -> Kind:
    if kept.digest == dropped.digest:
        return "exact"
    same = _target_key(kept) == _target_key(dropped)
    return "normalised" if same else "conflict"


def _target_key(example: Example) -> str:
    return normalise(example.target) if isinstance(example.target, str) else digest(example.target)


def split(examples: Sequence[Example], shares: Mapping[str, float | str], seed: int) -> tuple[Example, ...]:
    """The examples that a split takes, in their order, with `.split` (and a `.group`) set.

    A share that is a float, at most 1.0, is a fraction of all rows; a whole number counts rows; `rest` is what the others leave;
    rows that no share asks for are dropped. Groups go whole, and each has the same chance to be in a split whatever its size:
    placed by what still fits, large ones end in train, and the rows of test are those of small ones, which are not what the task
    meets. A split gets its share of the groups, large and small alike (systematic sampling along the sizes), so that its rows vary
    a little where groups are of different sizes; without groups they are exact. All is drawn from SHA-256 of seed and group. Where
    rows name their own splits, that holds, and `shares` only says how much of train goes to a split that no row names.

    Raises UserError, with the numbers, where there are too few rows or groups.
    """
    grouped = tuple(example if example.group else replace(example, group=example.id) for example in examples)
    if any(example.split for example in grouped):
        return _explicit(grouped, shares, seed)
    return _drawn(grouped, shares, seed)


def _drawn(grouped: Sequence[Example], shares: Mapping[str, float | str], seed: int) -> tuple[Example, ...]:
    wanted = _wanted(shares, len(grouped))
    sizes = Counter(example.group for example in grouped)
    placed = _place(sizes, _in_groups(wanted, len(grouped), len(sizes)), seed)
    _check_filled(Counter(placed.get(example.group, "") for example in grouped), wanted, len(sizes), max(sizes.values()))
    return tuple(replace(example, split=placed[example.group]) for example in grouped if example.group in placed)


def _explicit(examples: Sequence[Example], shares: Mapping[str, float | str], seed: int) -> tuple[Example, ...]:
    counts = Counter(example.split for example in examples)
    hint = "Name train, dev and test (validation and test are understood), or drop the column and set data.split."
    if counts[""]:
        one = next(example for example in examples if not example.split)
        raise UserError(f"{counts['']} of {len(examples)} rows name no split", where=one.source, hint=hint)
    absent = [name for name in SPLITS if not counts[name]]
    missing = {name: shares[name] for name in absent if name in shares and shares[name] != REST}
    if absent and (not counts["train"] or len(missing) < len(absent)):
        told = ", ".join(f"{name} {counts[name]}" for name in SPLITS if counts[name])
        raise UserError(f"the rows' own splits ({told}) leave {' and '.join(absent)} empty", where="data.split", hint=hint)
    splits_of: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        splits_of[example.group].add(example.split)
    straddling = sorted(group for group, splits in splits_of.items() if len(splits) > 1)
    if straddling:
        problem = f"{len(straddling)} groups stand in more than one split, such as {', '.join(straddling[:3])}"
        raise UserError(problem, where="data.split", hint="Give all rows of a group the same split, or drop the split column.")
    if not missing:
        return tuple(examples)
    train = [example for example in examples if example.split == "train"]
    placed = {row.id: row.split for row in _drawn(train, {"train": REST, **missing}, seed)}
    return tuple(replace(example, split=placed.get(example.id, example.split)) for example in examples)


def _wanted(shares: Mapping[str, float | str], rows: int) -> dict[str, int]:
    """How many rows each split asks for."""
    numbers = _numbers(shares)
    rest = [name for name in shares if name not in numbers]
    if not shares:
        raise UserError("data.split is empty", where="data.split", hint="For example {train: .5, dev: .2, test: .3}.")
    if len(rest) > 1:
        raise UserError(f"data.split: {' and '.join(rest)} are all '{REST}'", where="data.split", hint="One split can be the rest.")
    wanted = {name: share if isinstance(share, int) else round(share * rows) for name, share in numbers.items()}
    fractions = sum(share for share in numbers.values() if isinstance(share, float))
    if fractions > 1 + 1e-9:
        raise UserError(f"data.split: the fractions sum to {fractions:g}", where="data.split", hint="Make them sum to 1 or less.")
    if rest:
        return _filled({**wanted, rest[0]: max(0, rows - sum(wanted.values()))}, rows)
    return _filled(_trimmed(wanted, numbers, rows), rows)


def _numbers(shares: Mapping[str, float | str]) -> dict[str, float]:
    """The shares that are numbers. Raises UserError for what is no share, and for what is no split."""
    numbers: dict[str, float] = {}
    for name, share in shares.items():
        if name not in SPLITS:
            raise UserError(f"data.split: unknown split '{name}'", where="data.split", hint=did_you_mean(name, SPLITS))
        if share == REST:
            continue
        if isinstance(share, bool | str) or not share > 0 or (isinstance(share, float) and share > 1):
            hint = f"Give fractions up to 1.0, whole numbers of rows, or {REST}."
            raise UserError(f"data.split: {name} is {share!r}", where="data.split", hint=hint)
        numbers[name] = share
    return numbers


def _trimmed(wanted: dict[str, int], shares: Mapping[str, float], rows: int) -> dict[str, int]:
    """Rounded fractions may ask for a row too many, or one too few of all: the largest gives or takes it."""
    over, most = sum(wanted.values()) - rows, max(wanted, key=lambda name: (wanted[name], -SPLITS.index(name)))
    complete = abs(sum(share for share in shares.values() if isinstance(share, float)) - 1) < 1e-9
    if isinstance(shares[most], float) and (0 < over <= len(wanted) or (complete and over < 0)):
        wanted[most] -= over
    return wanted


def _filled(wanted: Mapping[str, int], rows: int) -> dict[str, int]:
    """In the order of the splits. Raises UserError where they ask for more than there is, or one gets nothing."""
    wanted = {name: wanted[name] for name in SPLITS if name in wanted}
    asked = ", ".join(f"{name} {count:,}" for name, count in wanted.items())
    if sum(wanted.values()) > rows:
        hint = f"Ask for {rows:,} rows or fewer in all, or give fractions."
        raise UserError(f"data.split asks for {sum(wanted.values()):,} rows ({asked}) of {rows:,}", where="data.split", hint=hint)
    if not all(wanted.values()):
        raise UserError(f"{rows:,} rows are too few to split ({asked})", where="data.split", hint="Give more rows.")
    return wanted


def _in_groups(wanted: Mapping[str, int], rows: int, groups: int) -> dict[str, int]:
    """How many groups each split gets: the share of the groups that it asks for of the rows; all of them where it asks for all."""
    counts = {name: round(count * groups / rows) for name, count in wanted.items()}
    most = max(counts, key=lambda name: counts[name])
    over = sum(counts.values()) - groups
    if over > 0 or sum(wanted.values()) == rows:
        counts[most] -= over
    if min(counts.values()) < 1:
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        problem = f"{groups:,} group{'s'[: groups > 1]} are too few to split ({told} of {rows:,} rows)"
        raise UserError(problem, where="data.group", hint=_FINER)
    return counts


def _place(sizes: Mapping[str, int], wanted: Mapping[str, int], seed: int) -> dict[str, str]:
    """Group -> split: along the sizes, from a drawn start, each to the split that lacks the largest part of its groups.

    The start is uniform over the circle of sizes, so that every group is in test with the same probability (Madow, 1949). Where
    all sizes are one, the order is drawn already, and what no split asks for comes last in it.
    """
    drawn = {name: _draw(seed, name) for name in sizes}
    circle, alike = sorted(sizes, key=lambda name: (sizes[name], drawn[name])), len(set(sizes.values())) == 1
    start = 0 if alike else int.from_bytes(min(drawn.values())[-8:]) % len(circle)
    spare = {} if alike else {"": len(sizes) - sum(wanted.values())}
    whole = {name: count for name, count in {**wanted, **spare}.items() if count}
    room, placed = dict(whole), dict[str, str]()
    for group in [*circle[start:], *circle[:start]]:
        open_still = [name for name in whole if room[name]]
        if not open_still:
            break
        best = max(open_still, key=lambda name: room[name] / whole[name])
        room[best] -= 1
        if best:
            placed[group] = best
    return placed


def _draw(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}:{group}".encode("utf-8", "surrogatepass")).digest()


def _check_filled(got: Mapping[str, int], wanted: Mapping[str, int], groups: int, largest: int) -> None:
    short = [name for name, count in wanted.items() if got.get(name, 0) < count / 2]
    if short:
        told = ", ".join(f"{name} got {got.get(name, 0):,} of {wanted[name]:,}" for name in short)
        problem = f"{groups} groups (the largest of {largest:,} rows) cannot be split so: {told}"
        raise UserError(problem, where="data.group", hint=_FINER)


def leaks(examples: Sequence[Example]) -> tuple[Leak, ...]:
    """Each test row whose normalised question stands in train, with the first such row."""
    train: dict[str, Example] = {}
    for example in examples:
        if example.split == "train":
            train.setdefault(question_key(example), example)
    pairs = ((example, train.get(question_key(example))) for example in examples if example.split == "test")
    return tuple(Leak(asked, twin) for asked, twin in pairs if twin is not None)
