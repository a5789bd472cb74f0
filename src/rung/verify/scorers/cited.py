"""The answer contains the target and cites, as [id], the passages that it stands in; or says that none does.

The passages shown come with the answer (`Example.shown`, put there by `verify.run`). Those that hold the answer are the ones
that the row's `gold` names; without gold, the ones whose text contains the target. An id that was not shown is a wrong citation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, Field

from rung.choice_words import plain
from rung.engine.retrieval.context import citations, without_citations
from rung.parts import Gold
from rung.types import Example, Score
from rung.verify.lists import Match, absent, in_turn
from rung.verify.parse import as_texts
from rung.verify.retrieval import is_in
from rung.verify.scoring import missing_target

CITES = True
LISTS = {
    "match: any": "several right answers: any one of them must be there",
    "match: all": "all of them must be there",
    "match: in_order": "all of them must be there, one behind the other",
}
WHOLE_LISTS = ("all", "in_order")


class Config(BaseModel, extra="forbid", frozen=True):
    """`measure`: what an answer with the target in it earns by its citations. `abstain`: the target of rows without an answer.

    `match`: what a list means.
    """

    measure: Literal["f1", "precision", "recall"] = "f1"
    abstain: str = Field(default="not in the documents", min_length=1)
    match: Match | None = None


def score(example: Example, output: str, config: Config) -> Score:
    """0 where the answer is wrong, else the precision, recall or F1 of its citations; 1 for abstaining where that is right."""
    texts, said, named = as_texts(example.target), _key(without_citations(output)), citations(output)
    target, none, keys = ", ".join(texts), _key(config.abstain), [_key(text) for text in texts]
    abstained = not absent([none], said)
    if _key(target) == none:
        right = abstained and not named
        return Score(value=float(right), reason="" if right else f"expected '{config.abstain}' and no citation")
    # A right answer may hold the words itself: the unknown soldier is not unknown.
    if abstained and not any(none in key for key in keys):
        return Score(value=0.0, reason=f"said '{config.abstain}'; expected {target!r}")
    if missing := absent(keys, said):
        return Score(value=0.0, reason="does not contain " + ", ".join(map(repr, missing)))
    if config.match == "in_order" and not in_turn(keys, said):
        return Score(value=0.0, reason="contains them, but not in the order " + ", ".join(map(repr, texts)))
    return _citations(set(named), _holding(example, keys), config.measure)


def render(target: Any, config: Config) -> str:
    """The target; what is to be cited depends on what is shown."""
    return ", ".join(as_texts(target))


def ideal(example: Example, config: Config) -> str:
    """The target, and the passages that hold it, where the row was shown any."""
    target = render(example.target, config)
    if _key(target) == _key(config.abstain):
        return target
    return " ".join(
        [target, *[f"[{name}]" for name in sorted(_holding(example, [_key(text) for text in as_texts(example.target)]))]]
    )


def staged(example: Example, config: Config) -> Example:
    """The row with two passages, the first of which holds the answer."""
    part = example.gold[0] if example.gold else Gold(source="held")
    text = render(example.target, config)
    start = part.start or 0
    holding = {"id": "0000000a", "source": part.source, "start": start, "end": part.end or start + len(text), "text": text}
    other = {"id": "0000000b", "source": "", "start": 0, "end": 0, "text": ""}
    return replace(example, shown=(holding, other), gold=(part,))


def accepts(config: Config) -> Mapping[str, str]:
    """What stands beside the target is not looked at."""
    beside = dict.fromkeys(("all choices named", "item added"), "what stands beside the target is not looked at")
    return beside | ({"citation added": "only whether the right passages are cited counts"} if config.measure == "recall" else {})


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the target."""
    return ("code fence", "sentence")


def check(example: Example, config: Config) -> str | None:
    """An empty target is contained in every answer."""
    if problem := missing_target(example):
        return problem
    texts = as_texts(example.target)
    return None if texts and all(map(_key, texts)) else "the target is empty, so that every answer would contain it"


def describe(examples: Sequence[Example], config: Config) -> str:
    """How to cite, and what to say where there is nothing to cite."""
    return f"After the answer, name the documents that it stands in, like [id]. If none holds it, say: {config.abstain}."


def _citations(named: set[str], right: set[str], measure: str) -> Score:
    if not right:
        return Score(value=0.0, reason="right, but no passage that was shown holds it")
    if not named:
        return Score(value=0.0, reason="right, but cites nothing")
    hits = len(named & right)
    values = {"precision": hits / len(named), "recall": hits / len(right), "f1": 2 * hits / (len(named) + len(right))}
    told = f"cites {hits} of the {len(right)} passages that hold it" + (
        f" and {len(named) - hits} others" if hits < len(named) else ""
    )
    return Score(value=values[measure], reason=told)


def _holding(example: Example, texts: Sequence[str]) -> set[str]:
    """The ids of the shown passages that the answer, or a part of it, stands in."""
    shown: Sequence[Mapping[str, Any]] = example.shown
    if gold := example.gold:
        return {passage["id"] for passage in shown if any(is_in(part, passage) for part in gold)}
    return {passage["id"] for passage in shown if len(absent(texts, _key(passage["text"]))) < len(set(texts))}


def _key(text: str) -> str:
    return plain(text.casefold()).strip()
