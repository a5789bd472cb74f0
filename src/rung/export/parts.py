"""What a Candidate is made of beside its base, in words: what of it a format's files carry, and what they cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rung.engine.answer import compose
from rung.engine.demos import Pool
from rung.storage import Blobs
from rung.types import Candidate, Example

# In the place of "demonstrations", of files that show those alone that stand before every question alike.
SHARED = "shared"


def _shown(candidate: Candidate) -> str:
    shown = candidate.demonstrations
    if not shown:
        return ""
    return f"{shown.total} demonstrations{f', {shown.k} of them the nearest to each question' if shown.k else ''}"


def _nearest(candidate: Candidate) -> str:
    shown = candidate.demonstrations
    return f"the {shown.k} demonstrations that are nearest to each question" if shown and shown.k else ""


_WORDS: Mapping[str, Callable[[Candidate], str]] = {
    "prompt": lambda one: "the system prompt" if one.prompt else "",
    "demonstrations": _shown,
    "constraint": lambda one: f"the form that answers are held to ({one.constraint.kind})" if one.constraint else "",
    "calibration": lambda one: "the calibration of its choices" if one.calibration else "",
    "retrieval": lambda one: "the passages that are looked up for each question" if one.retrieval else "",
    "tools": lambda one: "the tools that it may call" if one.tools else "",
    "adapters": lambda one: f"{len(one.adapters)} adapters" if len(one.adapters) > 1 else "the adapter" if one.adapters else "",
    "max_tokens": lambda one: f"that an answer ends after {one.max_tokens} tokens",
}
# What of a Candidate changes its answers, beside base and template.
PARTS = frozenset(_WORDS)


def left_out(candidate: Candidate, carries: frozenset[str]) -> tuple[str, ...]:
    """What of it files that carry only this do not say or do, in words."""
    words = {**_WORDS, "demonstrations": _nearest} if SHARED in carries else _WORDS
    return tuple(filter(None, (say(candidate) for name, say in words.items() if name not in carries)))


def opening_messages(candidate: Candidate, blobs: Blobs) -> list[dict[str, Any]]:
    """What stands before every question alike: the system prompt, and the demonstrations that all are shown."""
    shown = candidate.demonstrations
    pool = Pool.read(blobs.local(shown.pool)) if shown else None
    asked = Example(id="", messages=({"role": "user", "content": ""},))
    if candidate.constraint is not None or candidate.retrieval or candidate.tools:
        candidate = Candidate(
            rung=candidate.rung, base=candidate.base, prompt=candidate.prompt, demonstrations=candidate.demonstrations
        )
    request = compose(candidate, asked, pool, shown.shared if shown else None)
    return [dict(message) for message in request.messages[:-1]]
