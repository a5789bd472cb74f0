"""Where questions are answered: what a Candidate names is opened once and kept; what was answered is kept; observers hear of it.

Evaluation, the command line and a server ask through the same door (`engine.answer.answer` with a Runtime), so that what was
measured is what is served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rung.engine.caller import Caller
from rung.engine.retrieval.retriever import Retriever, no_encoder, no_reranker, open_retriever
from rung.engine.tools.attended import Attended
from rung.engine.tools.toolbox import Toolbox
from rung.parts import ToolUse
from rung.storage import AnswerCache, Blobs
from rung.types import Answer, Candidate

if TYPE_CHECKING:
    from rung.engine.backend import Backend, Budget, ServerUse
    from rung.engine.retrieval.encoders import Encoder
    from rung.engine.retrieval.rerank import Reranker


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answer, as observers hear of it: who asked which Candidate what, and what it said and took (`Answer`'s figures).

    `known` says that it was answered before, so that it took nothing now.
    """

    asker: str
    candidate: Candidate
    example: str
    answer: Answer
    known: bool


Observer = Callable[[Answered], None]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What answers, opened.

    backend_for   opens (once) the backend that a Candidate's `base` names
    encoder_for   opens (once) the encoder that a Candidate's `retrieval` names; reranker_for the same for its reranker
    cache         answers already known; None asks every time
    chunk         examples asked and stored together: what a kill can lose
    by_batch      a server is handed its questions as batches: whoever asks bit by bit asks for more at a time (`answer.ahead`)
    live          somebody waits for the answer: results that were recorded for evaluation are not passed off as a tool's
    caller        who waits for the answer that is asked for now: it goes with each of its requests
    attended      how calls go for who waits; None where nobody does, and a call that needs a person is told as not made
    asker         who asks, as observers hear it
    observers     hear every answer, in the order in which they are known
    """

    backend_for: Callable[[str], Backend]
    blobs: Blobs
    encoder_for: Callable[[str], Encoder] = no_encoder
    reranker_for: Callable[[str], Reranker] = no_reranker
    cache: AnswerCache | None = None
    chunk: int = 64
    by_batch: bool = False
    live: bool = False
    caller: Caller | None = None
    attended: Attended | None = None
    asker: str = ""
    observers: tuple[Observer, ...] = ()

    def toolbox(self, tools: ToolUse) -> Toolbox:
        """A Candidate's tools, ready to be used."""
        used = replace(tools, toolset=replace(tools.toolset, recorded=())) if self.live else tools
        return Toolbox.open(used, self.blobs, self.attended)

    def retriever(self, candidate: Candidate) -> Retriever | None:
        """The Candidate's retriever, opened; None where it has none."""
        if not candidate.retrieval:
            return None
        return open_retriever(candidate.retrieval, self.blobs, self.encoder_for, self.reranker_for)

    def tell(self, candidate: Candidate, example: str, answer: Answer, *, known: bool) -> None:
        """Let every observer hear of an answer."""
        for observer in self.observers:
            observer(Answered(asker=self.asker, candidate=candidate, example=example, answer=answer, known=known))


def open_runtime(
    place: Path,
    blobs: Blobs,
    *,
    cache_answers: AnswerCache | None = None,
    prices: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    use: ServerUse | None = None,
) -> Runtime:
    """A runtime over a store; a base is brought to `place`, loaded at its first question, and kept.

    prices  as in `backend.price_usd`
    budget  what servers' answers are paid from; `use` how they are asked
    """
    from rung.engine.bases.resolve import open_backend
    from rung.engine.retrieval.encoders import open_encoder
    from rung.engine.retrieval.rerank import open_reranker

    return Runtime(
        backend_for=cache(lambda reference: open_backend(reference, place, prices=prices, budget=budget, use=use, blobs=blobs)),
        encoder_for=cache(lambda reference: open_encoder(reference, place)),
        reranker_for=cache(lambda reference: open_reranker(reference, place)),
        blobs=blobs,
        cache=cache_answers,
        by_batch=use is not None and use.batch,
    )
