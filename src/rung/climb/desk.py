"""Where Candidates are answered: backends opened once, answers kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from rung.climb.record import keep_spent, spent_usd
from rung.types import Task

if TYPE_CHECKING:
    from rung.engine.answer import Desk
    from rung.engine.backend import Backend, Purse
    from rung.engine.retrieval.encoders import Encoder
    from rung.engine.retrieval.rerank import Reranker
    from rung.registry.home import Home


def open_desk(home: Home, prices: Mapping[str, float] | None = None, purse: Purse | None = None) -> Desk:
    """A desk over the home's store; a base is loaded at its first question and kept."""
    from rung.engine.answer import Desk
    from rung.engine.bases.resolve import open_backend

    @cache
    def backend_for(reference: str) -> Backend:
        return open_backend(reference, home.path, prices=prices, purse=purse, blobs=home.blobs)

    @cache
    def encoder_for(reference: str) -> Encoder:
        from rung.engine.retrieval.encoders import open_encoder

        return open_encoder(reference, home.path)

    @cache
    def reranker_for(reference: str) -> Reranker:
        from rung.engine.retrieval.rerank import open_reranker

        return open_reranker(reference, home.path)

    return Desk(
        backend_for=backend_for,
        encoder_for=encoder_for,
        reranker_for=reranker_for,
        blobs=home.blobs,
        cache=home.answers,
    )


def desk_for(task: Task, home: Home, climb: str | None = None) -> Desk:
    """A desk at the task's prices, within its budget; what a climb spends is a fact of it, and counts when it goes on."""
    from rung.engine.backend import Purse

    purse = Purse(limit_usd=task.limits.usd)
    if climb is not None and purse.limit_usd is not None:
        purse.spent_usd = spent_usd(home, climb)
        purse.keep = lambda usd: keep_spent(home, climb, usd)
    return open_desk(home, task.prices or None, purse)
