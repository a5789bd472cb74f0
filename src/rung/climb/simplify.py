"""Cheaper forms of a Candidate that passed: without one of its parts, or with half of one.

Each is the passing Candidate less one thing, so that all are fixed before the gate is asked about any. They share what the rung
that passed had of alpha, which a true winner has no more use for (`verify.alpha`), by the fallback procedure (Wiens, Pharmaceutical
Statistics 2003): equal parts in a fixed order, and what a form that held was given goes on to the next. The chance that any of them
passes wrongly is at most the share.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rung.climb.facts import Tried
from rung.storage import Blobs
from rung.types import Candidate, Run


def simpler(candidate: Candidate, blobs: Blobs, work: Path, *, below: tuple[str, ...] = ()) -> list[tuple[str, Candidate]]:
    """What to call each, and the Candidate, in the order in which they are tried; empty where nothing cheaper is known.

    Documents, tools and the adapter go one at a time where another of them stays: without any, the prompt rung has been judged.
    The adapters of the task's base (`below`) stay.
    """
    found: list[tuple[str, Candidate]] = []
    several = sum(map(bool, (candidate.retrieval, candidate.tools, candidate.adapters != below))) > 1
    shown = candidate.demonstrations
    if shown and shown.total > 0:
        found.append(("without the demonstrations", replace(candidate, demonstrations=None)))
    if shown and shown.shared and shown.k:
        found.append(("without the nearest demonstrations", replace(candidate, demonstrations=replace(shown, k=0))))
    if candidate.retrieval and several:
        found.append(("without the documents", replace(candidate, retrieval=None)))
    if candidate.retrieval and candidate.retrieval.k > 1:
        half = replace(candidate.retrieval, k=candidate.retrieval.k // 2)
        found.append(("with half the documents", replace(candidate, retrieval=half)))
    if candidate.tools and several:
        found.append(("without the tools", replace(candidate, tools=None)))
    if candidate.adapters != below and several:
        found.append(("without the adapter", replace(candidate, adapters=below)))
    if candidate.adapters != below and (halved := _half_rank(candidate, blobs, work)):
        found.append(("with half the rank", halved))
    return found


def share_of(alpha: float, tries: int, held: Sequence[bool]) -> float:
    """What the next of `tries` forms may spend of `alpha`, after those before it, each of which held or did not."""
    share = alpha / tries
    for before in held:
        share = alpha / tries + (share if before else 0.0)
    return share


def part_added(with_it: Run, without: Run) -> float | None:
    """How much higher the whole scores than the form without, on the test rows that both answered; None where there is none."""
    both = zip(with_it.values(), without.values(), strict=False)
    gains = [whole - less for whole, less in both if whole is not None and less is not None]
    return sum(gains) / len(gains) if gains else None


def cheapest(held: Sequence[tuple[Tried, Run]]) -> Tried | None:
    """Of the forms that held, the one with the fewest tokens an answer; of those, the smallest. None where none held."""
    return min(held, key=lambda pair: (_tokens(pair[1]), pair[0].artefact_bytes))[0] if held else None


def _tokens(run: Run) -> float:
    """Tokens read and written for an answer, on average; where the backend does not tell, more than any."""
    answers = [row.answer for row in run.rows]
    told = [(said.prompt_tokens or 0) + (said.completion_tokens or 0) for said in answers if said.prompt_tokens is not None]
    return sum(told) / len(told) if told else float("inf")


def _half_rank(candidate: Candidate, blobs: Blobs, work: Path) -> Candidate | None:
    """With the last adapter, which is the rung's own, made smaller; None where its kind has no such thing."""
    from rung.engine.local.adapter import halve

    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        halved = halve(blobs.local(candidate.adapters[-1]), Path(folder) / "adapter")
        return replace(candidate, adapters=(*candidate.adapters[:-1], blobs.put_tree(halved))) if halved else None
