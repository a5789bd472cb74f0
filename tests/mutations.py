"""One thing wrong in a real input: what comes of it is right, or refused in words. Never a wrong value in silence.

A part keeps its mutations beside its tests, each a `Mutation`; `some` says which of them this run tries (a seeded sample;
RUNG_ALL_MUTATIONS=1 tries every one), and `check_refused_or_right` holds each to the rule.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rung.errors import RungError

EVERY = bool(os.environ.get("RUNG_ALL_MUTATIONS"))
Outcome = str  # "right" or "refused"


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """What is done to a copy of the input.

    name   of the one thing that is wrong
    apply  does it to the file or folder; draws what it must choose from the seeded generator
    says   what a refusal must name: the key, the tensor or the file that is wrong. Empty where the file alone says enough
    only   "right" or "refused" where the other would be no answer: a harmless change must not be refused, a loss not be computed
    """

    name: str
    apply: Callable[[Path, random.Random], Any]
    says: tuple[str, ...] = ()
    only: Outcome | None = None

    def __call__(self, path: Path) -> None:
        """Equal names draw equally, whatever runs before."""
        self.apply(path, random.Random(self.name))


def some(mutations: Iterable[Mutation], count: int | None = None, *, seed: int = 0) -> list[Any]:
    """The mutations of this run as pytest parameters; `count` of them, drawn, unless every one is asked for."""
    every = list(mutations)
    names = [mutation.name for mutation in every]
    assert len(set(names)) == len(names), "two mutations of one name"
    drawn = every if EVERY or count is None else random.Random(seed).sample(every, min(count, len(every)))
    return [pytest.param(mutation, id=mutation.name) for mutation in every if mutation in drawn]


def check_refused_or_right(mutation: Mutation, act: Callable[[], Any], right: Callable[[Any], None], *, file: str = "") -> Outcome:
    """What `act` makes of the mutated input is held by `right` (which asserts), or `act` refuses it in words.

    A refusal is a user's to mend (exit code 2, never 3): it names the place (`file`, where given, is part of it), what `says`
    lists, and a way out. Anything else that is raised fails the test, as a traceback would at a terminal.
    """
    try:
        made = act()
    except RungError as refusal:
        _check_words(refusal, [file, *mutation.says])
        assert mutation.only != "right", f"refused, though nothing is lost: {refusal}"
        return "refused"
    assert mutation.only != "refused", "computed, though it cannot be right"
    right(made)
    return "right"


def _check_words(refusal: RungError, names: Sequence[str]) -> None:
    assert refusal.exit_code == 2, f"exit code {refusal.exit_code}: {refusal}"
    assert refusal.where, f"names no file: {refusal}"
    assert refusal.hint, f"names no way out: {refusal}"
    for name in names:
        assert name in refusal.message, f"does not name '{name}': {refusal}"
