"""How well passages are found, where rows name the right ones: recall, nDCG and reciprocal rank, as trec_eval counts them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rung.parts import Gold


def recall_at(found: Sequence[str], relevance: Mapping[str, int], k: int) -> float:
    """The share of relevant documents (relevance above 0) among the first k. Raises ValueError where none is relevant."""
    right = _relevant(relevance)
    return len(right & set(found[:k])) / len(right)


def ndcg_at(found: Sequence[str], relevance: Mapping[str, int], k: int) -> float:
    """Discounted gain of the first k over that of the best order; gain is the relevance itself (Järvelin & Kekäläinen, 2002).

    Raises ValueError where no document is relevant.
    """
    _relevant(relevance)
    best = _gain(sorted((value for value in relevance.values() if value > 0), reverse=True)[:k])
    return _gain([max(relevance.get(name, 0), 0) for name in found[:k]]) / best


def reciprocal_rank(found: Sequence[str], relevance: Mapping[str, int]) -> float:
    """1 over the rank of the first relevant document; 0 where none was found. Raises ValueError where none is relevant."""
    right = _relevant(relevance)
    return next((1.0 / rank for rank, name in enumerate(found, start=1) if name in right), 0.0)


def documents_of(passages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The documents of ranked passages, each at its best passage's rank."""
    return list(dict.fromkeys(passage["source"] for passage in passages))


def gold_relevance(gold: Sequence[Gold], passages: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, int]]:
    """(what was found, relevance) of ranked passages against a row's `gold`.

    gold  documents, or characters of them: any passage that shares a character with the span has found it
    """
    relevance = {_key(part): 1 for part in gold}
    found: list[str] = []
    for passage in passages:
        hits = [_key(part) for part in gold if is_in(part, passage)]
        found += hits or [passage["source"] if passage["source"] not in relevance else f"passage {passage['id']}"]
    return list(dict.fromkeys(found)), relevance


def _key(part: Gold) -> str:
    return part.source if part.start is None else f"{part.source}:{part.start}-{part.end}"


def is_in(part: Gold, passage: Mapping[str, Any]) -> bool:
    """Whether a passage, or a copy of it elsewhere, is of a document that gold names, or shares a character with its span."""
    return any(_is_at(part, place) for place in (passage, *passage.get("copies", ())))


def _is_at(part: Gold, place: Mapping[str, Any]) -> bool:
    if part.source != place["source"] or part.start is None or part.end is None:
        return bool(part.source == place["source"])
    return bool(part.start < place["end"] and place["start"] < part.end)


def _relevant(relevance: Mapping[str, int]) -> set[str]:
    right = {name for name, value in relevance.items() if value > 0}
    if not right:
        raise ValueError("no document is relevant, so that nothing can be found")
    return right


def _gain(values: Sequence[int]) -> float:
    return sum(value / math.log2(rank + 1) for rank, value in enumerate(values, start=1))
