"""How an answer is drawn that somebody waits for, in the fields of OpenAI's interface."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rung.engine.backend import Request
from rung.parts import SchemaConstraint

# OpenAI's own limit on stops; the answer ends before the others all the same.
_MOST_STOPS = 4


def drawn(request: Request) -> Request:
    """The request, drawn as its caller says."""
    assert request.caller is not None
    how = request.caller.sampling
    own = request.max_tokens if how.max_tokens is None else how.max_tokens
    if how.temperature == 0:
        return replace(request, temperature=0.0, top_p=1.0, seed=0, max_tokens=own)
    return replace(request, temperature=how.temperature, top_p=how.top_p, seed=how.seed, max_tokens=own)


def comes_as_it_is(request: Request) -> bool:
    """Whether what the server sends is the answer, bit by bit: no call of a tool, nothing that has a form around it."""
    held = request.constraint
    is_bare = held is None or (isinstance(held, SchemaConstraint) and held.schema.get("type") == "object")
    return is_bare and not request.tools


def sampling_fields(request: Request) -> dict[str, Any]:
    """The fields that say it beside those of every question."""
    if request.caller is None:
        return {}
    how = request.caller.sampling
    fields: dict[str, Any] = {"stream_options": {"include_usage": True}}
    if how.top_logprobs is not None:
        fields |= {"logprobs": True, "top_logprobs": how.top_logprobs}
    if how.stop and comes_as_it_is(request):
        fields["stop"] = list(how.stop[:_MOST_STOPS])
    return fields
