"""The answer is the target, apart from white space around it.

With `squad` it is compared as SQuAD's own script does: without case, punctuation, articles and extra white space.
Where targets are lists, `match` says what they mean (`rung.verify.lists`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pydantic import BaseModel

from rung.types import Example, Score
from rung.verify.lists import Match
from rung.verify.parse import as_text
from rung.verify.schema import closed_values
from rung.verify.scoring import missing_target
from rung.verify.squad import squad_words

VERBATIM = True
CHECKED = True
PROPOSED: dict[str, dict[str, object]] = {
    "identifier": {},
    "short text": {"ignore_case": True, "ignore_space": True},
    "alternatives": {"match": "any", "ignore_case": True, "ignore_space": True},
}
LISTS = {
    "match: any": "several right answers: any one of them",
    "match: all": "one answer, a list of exactly these, in any order",
    "match: in_order": "one answer, a list of exactly these in this order",
}


class Config(BaseModel, extra="forbid", frozen=True):
    """`ignore_case`: A is a. `ignore_space`: any run of white space is one space. `match`: what a list means.

    `squad`: neither case nor space counts, nor punctuation, nor `a`, `an` and `the`.
    """

    ignore_case: bool = False
    ignore_space: bool = False
    squad: bool = False
    match: Match | None = None


def harmless(config: Config) -> tuple[str, ...]:
    """Capitals, where they are not looked at."""
    return ("case",) if config.ignore_case or config.squad else ()


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the answer is the target, else 0."""
    right = as_text(example.target)
    if _normal(output, config) == _normal(right, config):
        return Score(value=1.0)
    return Score(value=0.0, reason=f"expected {right!r}")


def label(example: Example, output: str, config: Config) -> str | None:
    """The answer, as it is compared."""
    return _normal(output, config) or None


def check(example: Example, config: Config) -> str | None:
    """A target must be there, and something in it that counts."""
    problem = missing_target(example)
    empty = config.squad and problem is None and not squad_words(as_text(example.target))
    return "the target holds nothing but punctuation and articles, which do not count" if empty else problem


def closed_set(examples: Sequence[Example], config: Config) -> tuple[str, ...] | None:
    """The different targets, where they are few and each is seen often."""
    return closed_values([as_text(row.target) for row in examples])


def describe(examples: Sequence[Example], config: Config) -> str:
    """Asks for the bare answer."""
    return "Reply with the answer alone: no explanation and nothing before or after it."


def _normal(text: str, config: Config) -> str:
    if config.squad:
        return " ".join(squad_words(text))
    # What differs in the encoding of an accent alone is the same text (Unicode Standard Annex 15).
    text = unicodedata.normalize("NFC", " ".join(text.split()) if config.ignore_space else text.strip())
    return text.casefold() if config.ignore_case else text
