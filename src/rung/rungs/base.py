"""What every rung rests on: whether it applies, the rows that it may learn from, the room that an answer needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung import plugins
from rung.types import Bench, Candidate, Example, Task

if TYPE_CHECKING:
    from rung.engine.retrieval.retriever import Retriever


def why_skipped(task: Task, rung: str) -> str:
    """Why a climb leaves this rung out, or "" where it will not."""
    if task.settings.get(rung, {}).get("skip"):
        return "the task file skips it"
    return plugins.load("rungs", rung).applies(task)


def alpha_shares(task: Task) -> int:
    """Into how many parts a climb splits alpha: a share for each rung that applies, and one for cheaper forms of what passed."""
    return 1 + sum(not why_skipped(task, name) for name in plugins.names("rungs"))


def labelled(task: Task) -> list[Example]:
    """The train rows that have a target: some scorers can judge an answer without one."""
    return [row for row in task.split("train") if row.target is not None]


def longest_answer(task: Task) -> int:
    """Tokens for the longest target, generously: a token holds two characters or more of any language that a base reads well.

    256 where no train row has a target.
    """
    from rung.verify.scoring import target_text

    return 16 + max((len(target_text(task, row)) for row in labelled(task)), default=480) // 2


def retriever_of(candidate: Candidate, bench: Bench) -> Retriever | None:
    """The candidate's retriever, opened; None where it has none."""
    from rung.engine.retrieval.retriever import open_retriever

    if not candidate.retriever:
        return None
    return open_retriever(candidate.retriever, bench.blobs, bench.open_encoder, bench.open_reranker)
