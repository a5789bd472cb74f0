"""Targets that are lists: `match` says whether any item will do, all are wanted, or all in this order.

A scorer that knows one right answer is made to know several by `with_lists`. It says so by

    LISTS = {line: meaning}    what can be written into its bar where targets are lists, and what they then mean
    match                      the key of its Config, None where nothing is said

Nobody can tell alternatives from required items by looking at a list, so that no meaning is the default: a task whose targets are
lists and which does not say what they mean is refused. `any`: the best of the scores that the items give; the first is the ideal
answer. `all`, `in_order`: the answer is a list (JSON, lines, `a; b`, `a, b and c`), and each of its items is right by one of the
target's. What a scorer understands of lists itself it names in WHOLE_LISTS, the values of `match` for which it is given the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from rung.errors import UserError
from rung.parts import ChoiceConstraint, Constraint, SchemaConstraint
from rung.types import Example, Score
from rung.verify.items import readings
from rung.verify.mentions import places
from rung.verify.parse import as_text
from rung.verify.schema import closed_values

Match = Literal["any", "all", "in_order"]
MOST_ITEMS = 200  # compared with each other; a longer list is compared in its order alone


def with_lists(module: ModuleType) -> Any:
    """A scorer plug-in that understands targets that are lists, where it says that it can."""
    return Listed(module) if hasattr(module, "LISTS") else module


def who_scores(scorer: Any, target: Any, config: Any) -> Any:
    """The plug-in itself where lists have nothing to do with a target, else what was made of it by `with_lists`."""
    plain = isinstance(scorer, Listed) and not isinstance(target, list | tuple) and not scorer.splits(config)
    return scorer.module if plain else scorer


class Listed:
    """A scorer plug-in's hooks, each for lists too. What has nothing to do with lists is the plug-in's own."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        own = getattr(self.module, name)
        return partial(self._label, own) if name == "label" else own

    def score(self, example: Example, output: str, config: Any) -> Score:
        """As `match` says; missing where it says nothing and there are several items."""
        target = self._read(example.target, config)
        if not isinstance(target, list):
            row = example if target is example.target else replace(example, target=target)
            score: Score = self.module.score(row, output, config)
            return score
        if not target:
            return Score(value=None, reason="the target is an empty list")
        if config.match is None:
            return Score(value=None, reason="the target is a list, and the task does not say what a list means: match")
        if config.match == "any":
            return self._any(example, target, output, config)
        return self._every(example, target, output, config)

    def render(self, target: Any, config: Any) -> str:
        """The first of several right answers; all of them as a JSON list of texts."""
        target = self._read(target, config)
        if not isinstance(target, list):
            return self._rendered(target, config)
        if config.match in ("all", "in_order"):
            return as_text([self._rendered(item, config) for item in target])
        return self._rendered(target[0], config) if target else ""

    def ideal(self, example: Example, config: Any) -> str:
        """As `render`, in the plug-in's own way where a row shapes its answer."""
        target = self._read(example.target, config)
        if self.splits(config) or target == [] or not hasattr(self.module, "ideal"):
            return self.render(example.target, config)
        row = replace(example, target=target[0] if isinstance(target, list) else target)
        text: str = self.module.ideal(row, config)
        return text

    def staged(self, example: Example, config: Any) -> Example:
        """As the plug-in does, for the first of several right answers."""
        target = self._read(example.target, config)
        row = replace(example, target=target[0]) if isinstance(target, list) and target else example
        staged: Example = self.module.staged(row, config) if hasattr(self.module, "staged") else row
        return replace(staged, target=example.target)

    def accepts(self, config: Any) -> Mapping[str, str]:
        """The plug-in's own, and what `match` says."""
        own: Mapping[str, str] = self.module.accepts(config) if hasattr(self.module, "accepts") else {}
        if config.match == "any":
            return {**own, **dict.fromkeys(("item dropped", "items reordered"), "any one item of a list is right")}
        return {**own, **({"items reordered": "all items are wanted, in any order"} if config.match == "all" else {})}

    def check(self, example: Example, config: Any) -> str | None:
        """Why no answer could ever match an item."""
        target = self._read(example.target, config)
        if isinstance(target, list | tuple) and not target:
            return "the target is an empty list"
        if not isinstance(target, list):
            return self._checked(example, target, config)
        faults = ((number, self._checked(example, item, config)) for number, item in enumerate(target, start=1))
        found = next(((number, fault) for number, fault in faults if fault), None)
        return None if found is None else f"item {found[0]} of the target: {found[1]}" if len(target) > 1 else found[1]

    def settle(self, examples: Sequence[Example], config: Any, folder: Path) -> Any:
        """The plug-in's own, over the items of all lists. Raises UserError where lists are there that nothing is said of."""
        if config.match is None:
            refuse_unsaid(examples, self.module.LISTS)
        return self.module.settle(self._rows(examples, config), config, folder) if hasattr(self.module, "settle") else config

    def constraint(self, examples: Sequence[Example], config: Any) -> Constraint | None:
        """The plug-in's own; a list of such texts where all items are wanted, None where its items are no texts."""
        own = getattr(self.module, "constraint", lambda _examples, _config: None)(self._rows(examples, config), config)
        if not self.splits(config):
            constraint: Constraint | None = own
            return constraint
        if isinstance(own, ChoiceConstraint):
            return SchemaConstraint(schema={"type": "array", "items": {"type": "string", "enum": list(own.choices)}})
        return SchemaConstraint(schema={"type": "array", "items": {"type": "string"}}) if own is None else None

    def describe(self, examples: Sequence[Example], config: Any) -> str:
        """The plug-in's own; asks for a JSON list where all items are wanted."""
        if self.splits(config):
            order = ", in their right order" if config.match == "in_order" else ""
            return f"Reply with a JSON list of everything that is asked for{order}, and nothing else: each item as one text."
        said: str = getattr(self.module, "describe", lambda _examples, _config: "")(self._rows(examples, config), config)
        return said

    def closed_set(self, examples: Sequence[Example], config: Any) -> tuple[str, ...] | None:
        """The plug-in's own, over all items; where all of them are wanted the lists, if those are few."""
        if self.splits(config):
            return closed_values([self.render(row.target, config) for row in examples])
        own = getattr(self.module, "closed_set", lambda _examples, _config: None)
        found: tuple[str, ...] | None = own(self._rows(examples, config), config)
        return found

    def _label(self, own: Any, example: Example, output: str, config: Any) -> str | None:
        """The label that an answer was read as; of an answer that is right by any item that of the first."""
        target = self._read(example.target, config)
        if isinstance(target, list) and target:
            right = self.score(example, output, config).value == 1.0
            target, output = target[0], self.ideal(example, config) if right else output
        label: str | None = own(replace(example, target=target), output, config)
        return label

    def splits(self, config: Any) -> bool:
        """Whether an answer is read as a list, each item of which is compared by itself."""
        return config.match in ("all", "in_order") and config.match not in self._whole

    @property
    def _whole(self) -> tuple[str, ...]:
        return getattr(self.module, "WHOLE_LISTS", ())

    def _read(self, target: Any, config: Any) -> Any:
        """A list where items are looked at one by one, else what the plug-in is given: a list that it takes whole as a tuple."""
        if isinstance(target, list | tuple):
            if config.match in self._whole:
                return tuple(target)
            return list(target) if len(target) != 1 or self.splits(config) else target[0]
        return [target] if self.splits(config) and target is not None else target

    def _rows(self, examples: Sequence[Example], config: Any) -> list[Example]:
        """The rows, one for each item of a list that the plug-in is not given whole."""
        read = ((row, self._read(row.target, config)) for row in examples)
        items = ((row, item) for row, target in read for item in (target if isinstance(target, list) else (target,)))
        return [row if item is row.target else replace(row, target=item) for row, item in items]

    def _rendered(self, target: Any, config: Any) -> str:
        text: str = self.module.render(target, config) if hasattr(self.module, "render") else as_text(target)
        return text

    def _checked(self, example: Example, item: Any, config: Any) -> str | None:
        row = example if item is example.target else replace(example, target=item)
        fault: str | None = self.module.check(row, config) if hasattr(self.module, "check") else None
        return fault

    def _any(self, example: Example, target: Sequence[Any], output: str, config: Any) -> Score:
        scores = [self.module.score(replace(example, target=item), output, config) for item in target]
        present = [score for score in scores if score.value is not None]
        best: Score = max(present, key=lambda score: score.value, default=scores[0])
        if best.value:
            return best
        return replace(best, reason=f"{best.reason} (or any of {len(target) - 1} more)" if len(target) > 1 else best.reason)

    def _every(self, example: Example, target: Sequence[Any], output: str, config: Any) -> Score:
        counts = []
        for items in readings(output):
            counts.append(len(items))
            if len(items) == len(target) and self._pairs_up(example, target, items, config):
                return Score(value=1.0)
        ordered = " in this order" if config.match == "in_order" else ""
        if len(target) not in counts:
            return Score(value=0.0, reason=f"{max(counts, default=0)} items, expected {len(target)}: {self.render(target, config)}")
        return Score(value=0.0, reason=f"expected exactly these{ordered}: {self.render(target, config)}")

    def _pairs_up(self, example: Example, target: Sequence[Any], items: Sequence[str], config: Any) -> bool:
        """Whether each item of the answer is right by another item of the target: by the one at its place, or by any."""

        def right(wanted: Any, item: str) -> bool:
            value: float | None = self.module.score(replace(example, target=wanted), item, config).value
            return value == 1.0

        if config.match == "in_order" or len(target) > MOST_ITEMS:
            return all(right(wanted, item) for wanted, item in zip(target, items, strict=True))
        fits = [[place for place, item in enumerate(items) if right(wanted, item)] for wanted in target]
        return pairs_up(fits)


def pairs_up(fits: Sequence[Sequence[int]]) -> bool:
    """Whether everyone can have a place of their own, of those that fit them (augmenting paths; Kuhn, 1955)."""
    holder: dict[int, int] = {}

    def seat(one: int, tried: set[int]) -> bool:
        for place in fits[one]:
            if place not in tried:
                tried.add(place)
                if place not in holder or seat(holder[place], tried):
                    holder[place] = one
                    return True
        return False

    return all(seat(one, set()) for one in range(len(fits)))


def refuse_unsaid(examples: Sequence[Example], meanings: Mapping[str, str]) -> None:
    """Raises UserError, with what can be written, where targets are lists of several and the task does not say what that means."""
    lists = [row for row in examples if isinstance(row.target, list | tuple) and len(row.target) > 1]
    if not lists:
        return
    first = lists[0]
    shown = as_text(list(first.target))
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    ways = "".join(f"\n    {line}  ({meaning})" for line, meaning in meanings.items())
    raise UserError(
        f"{len(lists)} of {len(examples)} targets are lists of several, and the bar does not say what they mean: "
        f"{first.source or first.id} has {shown}",
        hint=f"Write into the bar one of:{ways}",
    )


def in_turn(texts: Sequence[str], said: str) -> bool:
    """Whether the texts stand in what was said one behind the other."""
    at = 0
    for text in texts:
        place = next((place for place in places(text, said) if place >= at), None)
        if place is None:
            return False
        at = place + len(text)
    return True


def absent(texts: Sequence[str], said: str) -> list[str]:
    """Those of the texts that have no place of their own in what was said: `New York City` is none for `New York` as well."""
    taken: list[tuple[int, int]] = []
    missing = []
    for text in sorted(dict.fromkeys(texts), key=len, reverse=True):
        place = next(
            (at for at in places(text, said) if not any(at < end and start < at + len(text) for start, end in taken)), None
        )
        if place is None:
            missing.append(text)
        else:
            taken.append((place, place + len(text)))
    return [text for text in dict.fromkeys(texts) if text in missing]
