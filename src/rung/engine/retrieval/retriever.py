"""Questions to passages: lexical, dense, or both fused by reciprocal rank, and reranked; the same in training and in serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from rung.engine.chat import text_of
from rung.engine.retrieval.context import with_context
from rung.engine.retrieval.index import Index, searched_text
from rung.errors import BrokenEnvironment
from rung.parts import Abstention, Retrieval
from rung.storage import Blobs
from rung.types import Answer, Example, Message

if TYPE_CHECKING:
    import numpy as np

    from rung.engine.retrieval.encoders import Encoder
    from rung.engine.retrieval.rerank import Reranker

# How an answer ends that was given without asking the model.
ABSTAINED = "abstained"
MODES = ("lexical", "dense", "hybrid")
# Cormack, Clarke & Büttcher, SIGIR 2009: a rank's weight is 1 / (60 + rank).
RRF = 60
FUSED = 100
# Passages that a reranker reads for a question: a second of two cores with a cross-encoder of 22M.
RERANKED = 20
# Questions of one batch, and more, whose passages stay at hand.
KEPT_SEARCHES = 256


@dataclass(frozen=True, kw_only=True)
class Found:
    """Passages for a question, the best first.

    `surety` is the largest score that the last searcher gave: the reranker's, else the nearest vector's, else BM25's.
    """

    passages: tuple[Mapping[str, Any], ...]
    surety: float


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """A Candidate's `retrieval`, opened.

    mode, k, form  how passages are found, how many are shown, and how (a key of `context.FORMS`)
    abstain        what is said, without asking the model, where nothing is sure enough
    """

    index: Index
    mode: str
    k: int
    form: str
    abstain: Abstention | None = None
    encoder: Encoder | None = None
    reranker: Reranker | None = None

    def find(self, messages: Sequence[Message]) -> Found:
        """The k passages nearest to the last thing the user said; those that share nothing with it are not among them."""
        return self.search(question_of(messages), self.k)

    def search(self, question: str, k: int) -> Found:
        """The k passages nearest to a question. Ties go to the earlier passage; those that say the same take one place."""
        return self._searched(question, k)

    @cached_property
    def _searched(self) -> Callable[[str, int], Found]:
        """Searches once for a question: its refusal, its prompt and its record ask for the same, and a reranker takes a second."""
        return lru_cache(maxsize=KEPT_SEARCHES)(self._search)

    def _search(self, question: str, k: int) -> Found:
        scores, ranked, firsts = {}, [], self.index.firsts
        if self.mode != "dense":
            scores["lexical"] = self.index.lexical(question)
            ranked.append(_ranked(scores["lexical"], firsts, above=0.0))
        if self.mode != "lexical":
            assert self.encoder is not None
            scores["dense"] = self.index.dense(self.encoder.query(question))
            ranked.append(_ranked(scores["dense"], firsts, above=float("-inf")))
        order = _fused(ranked) if len(ranked) > 1 else ranked[0]
        best = scores.get("dense", scores.get("lexical"))
        surety = float(best.max()) if best is not None and len(best) else 0.0
        if self.reranker and order:
            order, surety = self._reranked(question, order, max(k, RERANKED))
        return Found(passages=tuple(self.index.passage(place) for place in order[:k]), surety=surety)

    def _reranked(self, question: str, order: Sequence[int], depth: int) -> tuple[list[int], float]:
        """The first `depth` places by the reranker's score, and the best one. Ties keep their order."""
        import numpy as np

        assert self.reranker is not None
        read = order[:depth]
        scores = self.reranker.score(question, [searched_text(self.index.chunks[place]) for place in read])
        return [read[rank] for rank in np.argsort(-scores, kind="stable")], float(scores.max())

    def put_into(self, messages: Sequence[Message], k: int | None = None) -> list[Message]:
        """The conversation with its passages in it, or only with the first `k` of them."""
        return with_context(messages, self.find(messages).passages[:k], self.form)

    def shown(self, messages: Sequence[Message], k: int) -> tuple[Mapping[str, Any], ...]:
        """What a Run keeps of the first `k` passages: id, source, start, end and text, and where else the same stands."""
        keys = ("id", "source", "start", "end", "text", "copies")
        return tuple({key: passage[key] for key in keys if key in passage} for passage in self.find(messages).passages[:k])

    def refusal(self, example: Example) -> Answer | None:
        """The answer where the documents hold nothing near the question; None where the model is to be asked."""
        if not self.abstain or self.find(example.messages).surety >= self.abstain.below:
            return None
        return Answer(text=self.abstain.answer, latency_s=0.0, prompt_tokens=0, completion_tokens=0, finish_reason=ABSTAINED)


def no_encoder(reference: str) -> Encoder:
    """Where none can be opened: raises BrokenEnvironment."""
    raise BrokenEnvironment(f"this candidate searches by vectors, and no encoder can be opened here ({reference})")


def no_reranker(reference: str) -> Reranker:
    """Where none can be opened: raises BrokenEnvironment."""
    raise BrokenEnvironment(f"this candidate reranks what it finds, and no reranker can be opened here ({reference})")


def open_retriever(
    retrieval: Retrieval,
    blobs: Blobs,
    encoder_for: Callable[[str], Encoder] = no_encoder,
    reranker_for: Callable[[str], Reranker] = no_reranker,
) -> Retriever:
    """The retriever that a Candidate's field describes. Raises BrokenEnvironment for a model that cannot be opened here."""
    return Retriever(
        index=Index.read(blobs.local(retrieval.index)),
        mode=retrieval.mode,
        k=retrieval.k,
        form=retrieval.form,
        abstain=retrieval.abstain,
        encoder=encoder_for(retrieval.encoder) if retrieval.encoder and retrieval.mode != "lexical" else None,
        reranker=reranker_for(retrieval.reranker) if retrieval.reranker else None,
    )


def question_of(messages: Sequence[Message]) -> str:
    """The last thing the user said."""
    said = [text_of(message.get("content")) for message in messages if message.get("role") == "user"]
    return said[-1] if said else ""


def _ranked(scores: np.ndarray, firsts: np.ndarray, *, above: float) -> list[int]:
    """Places by falling score, without those that were not found (no word in common, or not come near) or only repeat another."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    places: list[int] = order[(scores[order] > above) & firsts[order]].tolist()
    return places


def _fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion of the first 100 places of each ranking."""
    weights: dict[int, float] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking[:FUSED], start=1):
            weights[place] = weights.get(place, 0.0) + 1.0 / (RRF + rank)
    return sorted(weights, key=lambda place: (-weights[place], place))
