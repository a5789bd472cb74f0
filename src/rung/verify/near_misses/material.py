"""What a made-up answer is made of: a row, its ideal answer, what the other rows want, and ways to change one value in a target."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rung.data.calls import looks_like_calls
from rung.types import Example
from rung.verify.parse import NotJson, as_text, as_texts, strict_json
from rung.verify.scoring import BoundScorer

MOST_LABELS = 20
LONGEST_LABEL = 80
OTHERS = 20
Path = tuple[Any, ...]
Edit = Callable[[str], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class Material:
    """One row as near misses are made of it.

    ideal   its ideal answer as text
    value   its target, read where it is JSON in a text; a call is a list of one
    calls   whether the targets are calls
    labels  every answer that can be right, as text, where those are few
    others  other rows of the sample, in random order
    """

    example: Example
    scorer: BoundScorer
    ideal: str
    value: Any
    calls: bool
    labels: tuple[str, ...]
    others: tuple[Example, ...]
    draw: random.Random

    @property
    def question(self) -> str:
        """The last thing that was asked, its text alone."""
        content = self.example.messages[-1].get("content") if self.example.messages else ""
        if isinstance(content, str):
            return content
        parts = content if isinstance(content, list) else []
        return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))

    @property
    def wants_no_call(self) -> bool:
        """Whether every answer without a call is right."""
        return self.calls and not self.value

    def written(self, value: Any) -> str | None:
        """The ideal answer if the target were `value`; None where that is no target for this scorer, or is the same answer."""
        if self._permitted(value):
            return None
        try:
            text = self.scorer.ideal(replace(self.example, target=value))
        except (LookupError, TypeError, ValueError, AttributeError):
            return None
        return None if same(text, self.ideal) else text

    def changed(self, edit: Edit) -> Iterator[str]:
        """Answers with one value changed: for one of the target's values, drawn, that the edit can change, each of its forms."""
        places = [*_leaves(self.value, calls=self.calls)]
        self.draw.shuffle(places)
        for path, leaf in places:
            found = [text for new in edit(_plain(leaf)) if (text := self._with(path, leaf, new)) is not None]
            if found:
                yield from found
                return

    def mappings(self) -> list[tuple[Path, Mapping[str, Any]]]:
        """The objects in the target, outermost first; of calls none, for their keys are their own."""
        return [] if self.calls else [(path, part) for path, part in _parts(self.value) if isinstance(part, Mapping)]

    def lists(self) -> list[tuple[Path, Sequence[Any]]]:
        """The lists in the target, outermost first; a list of calls is none."""
        found = [(path, part) for path, part in _parts(self.value) if isinstance(part, list | tuple)]
        return [(path, part) for path, part in found if not self.calls or "arguments" in path[:2]]

    def at(self, path: Path, new: Any) -> Any:
        """The target's value with another part at a path; where calls allow several values, they now stand as they are written."""
        return put(self.value, path, new)

    def _with(self, path: Path, leaf: Any, text: str) -> str | None:
        new = _unplain(leaf, text)
        if new is None or self.allowed(path, new):
            return None
        made = self.written(self.at(path, new))
        return None if made is None or same(made, *self.rights()) else made

    def allowed(self, path: Path, new: Any) -> bool:
        """Whether a call may have this value, too."""
        if not self.calls or len(path) < 3:
            return False
        return new in ((self.value[path[0]].get("allowed") or {}).get(path[2]) or ())

    def _permitted(self, value: Any) -> bool:
        """Whether these are the calls that are wanted, with other values that they may have, too."""
        if not self.calls or not isinstance(value, list) or len(value) != len(self.value):
            return False
        return all(_permits(wanted, call) for wanted, call in zip(self.value, value, strict=True))

    @property
    def has_twin(self) -> bool:
        """Whether another label looks like the ideal answer, so that only the very writing tells them apart."""
        alike = _look(self.ideal)
        return any(label != self.ideal and _look(label) == alike for label in self.labels)

    def rights(self) -> list[str]:
        """Texts that are right by themselves where any item of a list is."""
        return as_texts(self.example.target)


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What near misses of a sample are made of. `calls`: whether some of its targets are calls. The same seed draws the same."""

    scorer: BoundScorer
    rows: tuple[Example, ...]
    labels: tuple[str, ...]
    calls: bool
    seed: int

    @classmethod
    def of(cls, scorer: BoundScorer, rows: Sequence[Example], seed: int) -> Materials:
        """Of these rows."""
        calls = any(looks_like_calls(row.target) for row in rows[:100] if row.target)
        return cls(scorer=scorer, rows=tuple(rows), labels=labels_of(scorer, rows), calls=calls, seed=seed)

    def material(self, row: Example) -> Material:
        """Of one row, drawn afresh: the same each time."""
        draw = random.Random(f"{self.seed}/{row.id}")
        drawn = draw.sample(self.rows, min(len(self.rows), OTHERS + 1))
        value = read_value(row.target)
        calls = looks_like_calls(value) if value else value == [] and self.calls
        return Material(
            example=row,
            scorer=self.scorer,
            ideal=self.scorer.ideal(row) if row.target is not None else "",
            value=[value] if calls and isinstance(value, Mapping) else value,
            calls=calls,
            labels=self.labels,
            others=tuple(other for other in drawn if other.id != row.id and other.target is not None)[:OTHERS],
            draw=draw,
        )


def labels_of(scorer: BoundScorer, rows: Sequence[Example]) -> tuple[str, ...]:
    """The answers that can be right, where they are few and plain text: what the scorer says, or what the targets show."""
    values = [read_value(row.target) for row in rows if row.target is not None]
    told = scorer.closed_set(rows) if rows and not any(isinstance(value, list) for value in values) else None
    # Of lists the items are what can be named.
    found = told or tuple(
        dict.fromkeys(scorer.render(item) for value in values for item in (value if isinstance(value, list) else [value]))
    )
    plain = all(0 < len(text) <= LONGEST_LABEL and not text.startswith(("{", "[")) for text in found)
    few = 2 <= len(found) <= (len(found) if told else min(MOST_LABELS, len(rows) // 3))
    # Numbers that happen to be few are no choices unless the scorer says so.
    words = told or any(char.isalpha() for text in found for char in text)
    return tuple(sorted(found)) if plain and few and words else ()


def read_value(target: Any) -> Any:
    """A target, read where it is a JSON object or list in a text."""
    if isinstance(target, str) and target.lstrip().startswith(("{", "[")):
        try:
            return strict_json(target)
        except NotJson:
            return target
    return list(target) if isinstance(target, tuple) else target


def same(text: str, *others: str) -> bool:
    """Whether it is one of the others but for case and white space."""
    return " ".join(text.casefold().split()) in {" ".join(other.casefold().split()) for other in others}


def put(value: Any, path: Path, new: Any) -> Any:
    """A copy of a JSON value with another part at a path."""
    if not path:
        return new
    if isinstance(value, Mapping):
        return {key: put(part, path[1:], new) if key == path[0] else part for key, part in value.items()}
    return [put(part, path[1:], new) if index == path[0] else part for index, part in enumerate(value)]


def _permits(wanted: Mapping[str, Any], call: Mapping[str, Any]) -> bool:
    given, allowed = call.get("arguments"), wanted.get("allowed") or {}
    if not allowed or call.get("name") != wanted.get("name") or not isinstance(given, Mapping):
        return False
    needed = {name for name, values in allowed.items() if "" not in values}
    known = all(_loose(value) in [_loose(one) for one in allowed.get(name, ())] for name, value in given.items())
    return known and needed <= given.keys()


def _loose(value: Any) -> str:
    """A value as a benchmark compares it: without marks and capitals."""
    return "".join(char for char in _plain(value).casefold() if char.isalnum())


def _look(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _parts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, part in inner:
        yield from _parts(part, (*path, key))


def _leaves(value: Any, *, calls: bool) -> Iterator[tuple[Path, Any]]:
    """Texts and numbers in a value; of calls those of the arguments."""
    for path, part in _parts(value):
        if isinstance(part, str | int | float) and not isinstance(part, bool) and (not calls or "arguments" in path[1:2]):
            yield path, part


def _plain(leaf: Any) -> str:
    return leaf if isinstance(leaf, str) else json.dumps(leaf)


def _unplain(leaf: Any, text: str) -> Any:
    """A changed text as the kind of value that the leaf is; None where it is not of that kind any more."""
    if isinstance(leaf, str):
        return text
    try:
        value = strict_json(text)
    except NotJson:
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value != leaf else None


def other_ideals(given: Material) -> Iterator[str]:
    """Right answers to other rows that are none to this one."""
    mine = as_texts(given.value)
    for row in given.others:
        theirs = as_texts(read_value(row.target))
        if set(mine) <= set(theirs) or (given.calls and _names(row.target) & _names(given.value)):
            continue
        text = given.scorer.ideal(row)
        if not same(text, given.ideal, *mine):
            yield text


def _names(target: Any) -> set[str]:
    """The functions that calls name."""
    value = read_value(target)
    calls = value if isinstance(value, list) else [value]
    return {as_text(call.get("name")) for call in calls if isinstance(call, Mapping)}
