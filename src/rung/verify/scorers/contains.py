"""The answer contains the target; of a list of texts any one, all of them, or all in their order: `match` says which.

A text is contained where it is no part of a longer word or number: `12` is not in `312`, `12.5` or `-12`, nor `man` in `woman`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from rung.choice_words import plain
from rung.types import Example, Score
from rung.verify.lists import Match, absent, in_turn
from rung.verify.parse import as_texts
from rung.verify.scoring import missing_target

PROPOSED: dict[str, dict[str, object]] = {"required items": {"match": "all"}}
LISTS = {
    "match: any": "several right answers: any one of them must be there",
    "match: all": "all of them must be there",
    "match: in_order": "all of them must be there, one behind the other",
}
WHOLE_LISTS = ("all", "in_order")


class Config(BaseModel, extra="forbid", frozen=True):
    """`match`: of a list, `any` text is enough, `all` must be there, or all `in_order`. `ignore_case`: A is a."""

    match: Match | None = None
    ignore_case: bool = True


def accepts(config: Config) -> Mapping[str, str]:
    """What stands beside the texts is not looked at."""
    beside = "what else the answer says is not looked at"
    kinds = ("item added", "label inside another")
    return dict.fromkeys(kinds, beside)


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the texts."""
    return ("code fence", "sentence", *(("case",) if config.ignore_case else ()))


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the texts are there, else 0 and which are not."""
    texts, said = [_key(text, config) for text in as_texts(example.target)], _key(output, config)
    if missing := absent(texts, said):
        return Score(value=0.0, reason="does not contain " + ", ".join(map(repr, missing)))
    if config.match == "in_order" and not in_turn(texts, said):
        return Score(value=0.0, reason="contains them, but not in the order " + ", ".join(map(repr, texts)))
    return Score(value=1.0)


def render(target: Any, config: Config) -> str:
    """The text; several one after the other."""
    return ", ".join(as_texts(target))


def check(example: Example, config: Config) -> str | None:
    """An empty text is contained in every answer, so that it measures nothing."""
    if problem := missing_target(example):
        return problem
    texts = as_texts(example.target)
    if not texts or not all(text.strip() for text in texts):
        return "the target is empty, so that every answer would contain it"
    fault = score(example, render(example.target, config), config).reason
    return f"no answer could be told to hold all of the target: {fault}" if fault else None


def describe(examples: Sequence[Example], config: Config) -> str:
    """Asks for all texts where several are wanted."""
    if config.match not in WHOLE_LISTS:
        return ""
    return "Name everything that is asked for" + (", in the right order." if config.match == "in_order" else ".")


def _key(text: str, config: Config) -> str:
    return plain(text.casefold() if config.ignore_case else text)
