"""The answer is the target, apart from white space around it.

A target that is a list of texts names several right answers; the first of them is the ideal one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from rung.types import Example, Score
from rung.verify.parse import as_texts
from rung.verify.schema import closed_values
from rung.verify.scoring import missing_target

VERBATIM = True
PROPOSED: dict[str, dict[str, object]] = {"short text": {"ignore_case": True, "ignore_space": True}}


class Config(BaseModel, extra="forbid", frozen=True):
    """`ignore_case`: A is a. `ignore_space`: any run of white space is one space."""

    ignore_case: bool = False
    ignore_space: bool = False


def accepts(config: Config) -> Mapping[str, str]:
    """Any one of a list of right answers will do."""
    any_one = "a list names several right answers, and any one will do"
    return {"item dropped": any_one, "items reordered": any_one}


def harmless(config: Config) -> tuple[str, ...]:
    """Capitals, where they are not looked at."""
    return ("case",) if config.ignore_case else ()


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the answer is one of the right ones, else 0."""
    right = [_normal(text, config) for text in as_texts(example.target)]
    if _normal(output, config) in right:
        return Score(value=1.0)
    return Score(value=0.0, reason=f"expected {as_texts(example.target)[0]!r}")


def label(example: Example, output: str, config: Config) -> str | None:
    """The answer, as it is compared; a right one of several is the first of them."""
    answer, right = _normal(output, config), [_normal(text, config) for text in as_texts(example.target)]
    return right[0] if answer in right else answer or None


def render(target: Any, config: Config) -> str:
    """The first right answer."""
    return as_texts(target)[0]


def check(example: Example, config: Config) -> str | None:
    """A target must be there, and not be an empty list."""
    return missing_target(example) or ("the target is an empty list" if example.target == [] else None)


def closed_set(examples: Sequence[Example], config: Config) -> tuple[str, ...] | None:
    """The different targets, where they are few and each is seen often."""
    return closed_values([render(row.target, config) for row in examples])


def describe(examples: Sequence[Example], config: Config) -> str:
    """Asks for the bare answer."""
    return "Reply with the answer alone: no explanation and nothing before or after it."


def _normal(text: str, config: Config) -> str:
    text = " ".join(text.split()) if config.ignore_space else text.strip()
    return text.casefold() if config.ignore_case else text
