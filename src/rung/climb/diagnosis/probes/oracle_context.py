"""Oracle context: does the base answer once it is handed the right passage? Beside that: what search finds, and a wrong passage.

Right passages are those that the rows name (`data.columns.gold`); of rows that name none, those that hold the target's words.
gold - closed is what the base does not know, gold - retrieved what search loses, 1 - gold what it cannot read, and
closed - distractor what a wrong passage spoils.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.climb.diagnosis.case import Arm, Case, Evidence
from rung.engine.retrieval.context import with_context
from rung.engine.retrieval.index import Index, store_index
from rung.engine.retrieval.retriever import question_of
from rung.parts import Retrieval
from rung.rungs.asks import Ask
from rung.rungs.base import mending, why_not_mended
from rung.rungs.causes import KNOWLEDGE
from rung.rungs.documents import documents_of, settings_of
from rung.types import Candidate, Example, Task
from rung.verify.retrieval import is_in
from rung.verify.scoring import scorer_of, searched_texts

TITLE = "the right passage beside the question"
CAUSE = KNOWLEDGE
FORM = "question_last"
# A target shorter than this stands in many a passage by chance.
SHORTEST_TARGET = 2


class Config(BaseModel):
    """`chunk_chars`: how long the passages are that are handed over. `report_rows`: rows of the arms that only report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chunk_chars: int = Field(default=800, ge=100)
    report_rows: int = Field(default=64, ge=16)


def applies(task: Task) -> str:
    """Needs documents."""
    return why_not_mended(task, CAUSE)


def probe(case: Case, config: Config) -> Evidence:
    """The best form so far, closed book and with the right passage, one that search finds, and one that is beside the point."""
    if settings_of(case.task).forms == ("cited",):
        return Evidence(reason="citations are scored: passages that are handed over by hand have no names to cite")
    passages = _Passages(case, config)
    gold = [passages.gold(row) for row in case.sample.examples]
    known = sum(found is not None for found in gold)
    if not known:
        return Evidence(reason="rows name no right passage (data.columns.gold), and none holds a target")
    forms = _forms(case)
    arms = [_handed(case, f"the right passage{name}", form, gold) for name, form in forms]
    arms.append(_retrieved(case, passages))
    wrong = [passages.distractor(row, right) for row, right in zip(case.sample.examples, gold, strict=True)]
    arms.append(replace(_handed(case, "a wrong passage", forms[0][1], wrong, config.report_rows), shows=False))
    return Evidence(arms=tuple(arms), facts={"gold_known": known, "passages": len(passages.index.chunks)})


def foresee(case: Case, config: Config) -> list[Ask]:
    """Each form closed book and with a passage, and what search finds; as if every row had its passage."""
    forms, found = _forms(case), settings_of(case.task).passages[0] * config.chunk_chars
    asks: list[Ask] = [case.foreseen(f"closed book{name}", form) for name, form in forms]
    asks += [case.foreseen(f"the right passage{name}", form, chars=config.chunk_chars) for name, form in forms]
    asks.append(case.foreseen("what search finds", replace(case.best, calibration=None), chars=found))
    return [*asks, case.foreseen("a wrong passage", forms[0][1], chars=config.chunk_chars, limit=config.report_rows)]


def _forms(case: Case) -> list[tuple[str, Candidate]]:
    """The prompts that the rung puts documents into. The best without documents may be the best of prompts that all fail."""
    best = replace(case.best, calibration=None)
    held = replace(case.plain, constraint=scorer_of(case.task).constraint(case.task.split("train")))
    named = {"": replace(best, demonstrations=None), ", with demonstrations": best, ", your instruction in the scorer's form": held}
    first = {form.id: (name, form) for name, form in reversed(named.items())}
    return list(reversed(first.values()))


def _handed(case: Case, name: str, form: Candidate, passages: Sequence[Mapping[str, Any] | None], limit: int | None = None) -> Arm:
    """Each row with its passage in its question. A row without one is not asked: it stays as it is closed book."""
    longest = max((len(passage["text"]) for passage in passages if passage), default=0)
    places = case.places(case.chars(form, longest), limit)
    shown = {place: _beside(case.sample.examples[place], passage) for place in places if (passage := passages[place])}
    return case.handed(name, form, places, shown)


def _beside(example: Example, passage: Mapping[str, Any]) -> Example:
    return replace(example, messages=tuple(with_context(example.messages, [passage], FORM)))


def _retrieved(case: Case, passages: _Passages) -> Arm:
    """What lexical search finds, as many passages and shown as the retrieval rung begins with."""
    settings, rung = settings_of(case.task), mending(CAUSE)
    chunks = list(passages.index.chunks)
    index = store_index(chunks, None, case.context.blobs, case.context.progress)
    retrieval = Retrieval(index=index, mode="lexical", k=settings.passages[0], form=settings.forms[0])
    form = replace(case.best, calibration=None, rung=rung.name if rung else "", parent=case.best.id, retrieval=retrieval)
    # Not among the forms of the prompt that later probes may begin with.
    return replace(case.arm("what search finds", form), candidate=None)


@dataclass(frozen=True)
class _Passages:
    """The documents' passages, found by their words."""

    case: Case
    config: Config

    @cached_property
    def index(self) -> Index:
        library = documents_of(self.case.task, self.case.context.progress)
        return Index(chunks=tuple(piece.as_json() for piece in library.chunks(self.config.chunk_chars)))

    @cached_property
    def folded(self) -> list[str]:
        """Each passage's text without regard to case."""
        return [chunk["text"].casefold() for chunk in self.index.chunks]

    @cached_property
    def closed_set(self) -> bool:
        """Labels stand in passages without telling which is right."""
        return scorer_of(self.case.task).closed_set(self.case.task.split("train")) is not None

    def gold(self, row: Example) -> Mapping[str, Any] | None:
        """Of the right passages one with the target's words, the nearest to the question; None where none is known."""
        texts, every = self._wanted(row)
        named = row.gold
        tells = bool(texts) and min(map(len, texts)) >= SHORTEST_TARGET and not self.closed_set
        if not named and not tells:
            return None

        def tells_it(place: int) -> bool:
            held = [text in self.folded[place] for text in texts]
            return bool(held) and (all(held) if every else any(held))

        if named:
            right = [place for place, chunk in enumerate(self.index.chunks) if any(is_in(part, chunk) for part in named)]
        else:
            right = [place for place in range(len(self.folded)) if tells_it(place)]
        if not right:
            return None
        scores = self.index.lexical(question_of(row.messages))
        best = max(right, key=lambda place: (tells_it(place), scores[place], -place))
        return self.index.chunks[best]

    def _wanted(self, row: Example) -> tuple[list[str], bool]:
        texts, every = searched_texts(self.case.task, row)
        return [text.casefold() for text in texts], every

    def distractor(self, row: Example, right: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The nearest passage that neither is right nor holds the target."""
        if right is None:
            return None
        texts, _ = self._wanted(row)
        nearest = (-self.index.lexical(question_of(row.messages))).argsort(kind="stable").tolist()
        beside = (place for place in nearest if self.index.chunks[place]["source"] != right["source"])
        free = (place for place in beside if not any(text in self.folded[place] for text in texts))
        return next((self.index.chunks[place] for place in free), None)
