r"""A pattern finds the right text in the answer, or just fits it.

With a group, as in `#### (\d+)`, the last place that the pattern finds gives a text that must equal the target's (the target is
searched in the same way, and taken whole where the pattern finds nothing in it). Without a group the answer must only fit the
pattern, and a row needs no target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from pydantic import BaseModel, field_validator

from rung.types import Example, Score
from rung.verify.lists import Match
from rung.verify.parse import as_text
from rung.verify.scoring import EVERY_KIND, missing_target
from rung.verify.timed_regex import SECONDS, TooSlow, find_last

LISTS = {
    "match: any": "several right answers: finding any one of them",
    "match: all": "one answer, a list in which exactly these are found, in any order",
    "match: in_order": "one answer, a list in which exactly these are found in this order",
}


def TARGETLESS(config: Config) -> bool:
    """Without a group an answer must only fit the pattern."""
    return not _pattern(config).groups


class Config(BaseModel, extra="forbid", frozen=True):
    """`pattern`: a Python regular expression with one group or none. `ignore_case`: A is a. `match`: what a list means."""

    pattern: str
    ignore_case: bool = False
    match: Match | None = None

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"'pattern' is no regular expression: {error}") from None
        if groups > 1:
            raise ValueError(f"'pattern' has {groups} groups; write all but one of them as (?:...)")
        return pattern


def accepts(config: Config) -> Mapping[str, str]:
    """Without a group, whatever fits the pattern."""
    return {} if _pattern(config).groups else {EVERY_KIND: "the answer must only fit the pattern"}


def harmless(config: Config) -> tuple[str, ...]:
    """Capitals, where they are not looked at."""
    return ("case",) if config.ignore_case else ()


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the text found is the right one (without a group: where any is), else 0; missing where the search does not end."""
    try:
        found = _found(output.strip(), config)
    except TooSlow:
        return Score(value=None, reason=f"the pattern takes more than {SECONDS:g} seconds on this answer: does it repeat a repeat?")
    if found is None:
        return Score(value=0.0, reason="the pattern finds nothing in the answer")
    if not _pattern(config).groups:
        return Score(value=1.0)
    right = _wanted(example, config)
    same = found.casefold() == right.casefold() if config.ignore_case else found == right
    return Score(value=1.0) if same else Score(value=0.0, reason=f"found {found!r}, expected {right!r}")


def check(example: Example, config: Config) -> str | None:
    """With a group a row needs a target; without one, a target that is there must fit the pattern."""
    if _pattern(config).groups and (problem := missing_target(example)):
        return problem
    try:
        found = None if example.target is None else _found(as_text(example.target), config)
    except TooSlow:
        return f"the pattern takes more than {SECONDS:g} seconds on the target: does it repeat a repeat?"
    fits = example.target is None or found is not None or _pattern(config).groups
    return None if fits else "the target does not fit the pattern"


def _wanted(example: Example, config: Config) -> str:
    text = as_text(example.target)
    found = _found(text, config)
    return text.strip() if found is None else found


def _found(text: str, config: Config) -> str | None:
    """The last place's group (the whole place where the pattern has none), without white space around it."""
    # White space around an answer is no part of it, and would keep `^` and `$` from what they are meant for.
    found = find_last(config.pattern, re.IGNORECASE if config.ignore_case else 0, text.strip())
    return None if found is None else found.strip()


def _pattern(config: Config) -> re.Pattern[str]:
    return _compiled(config.pattern, re.IGNORECASE if config.ignore_case else 0)


@lru_cache(maxsize=64)
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(pattern, flags)
