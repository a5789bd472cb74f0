"""The answer contains the target; a list of texts must be contained all, or any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from rung.types import Example, Score
from rung.verify.parse import as_texts
from rung.verify.scoring import missing_target


class Config(BaseModel, extra="forbid", frozen=True):
    """`match`: whether `all` texts of a list must be there, or `any` one is enough. `ignore_case`: A is a."""

    match: Literal["all", "any"] = "all"
    ignore_case: bool = True


def accepts(config: Config) -> Mapping[str, str]:
    """What stands beside the texts, and in which order they come, is not looked at."""
    free = "what else the answer says, and in which order, is not looked at"
    found = {"items reordered": free, "item added": free}
    return found | ({"item dropped": "any one of the texts will do"} if config.match == "any" else {})


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the texts."""
    return ("code fence", "sentence", *(("case",) if config.ignore_case else ()))


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the texts are there, else 0 and which are not."""
    texts = as_texts(example.target)
    absent = [text for text in texts if _key(text, config) not in _key(output, config)]
    if not absent or (config.match == "any" and len(absent) < len(texts)):
        return Score(value=1.0)
    return Score(value=0.0, reason="does not contain " + (" nor " if config.match == "any" else ", ").join(map(repr, absent)))


def render(target: Any, config: Config) -> str:
    """The texts, one after the other; the first of them where any one is enough."""
    texts = as_texts(target)
    return " ".join(texts) if config.match == "all" else texts[0]


def check(example: Example, config: Config) -> str | None:
    """An empty text is contained in every answer, so that it measures nothing."""
    if problem := missing_target(example):
        return problem
    texts = as_texts(example.target)
    return None if texts and all(text.strip() for text in texts) else "the target is empty, so that every answer would contain it"


def _key(text: str, config: Config) -> str:
    return text.casefold() if config.ignore_case else text
