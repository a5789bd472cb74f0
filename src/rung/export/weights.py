"""What the formats of weights share: which Candidates have weights to write, and why others have not."""

from __future__ import annotations

from rung.types import Candidate


def no_weights(candidate: Candidate) -> str:
    """Why there are no weights of its own to write; "" where there are."""
    reference = candidate.base_reference
    if reference.is_linear:
        return "it is a linear model, no language model"
    if reference.is_server:
        return f"{reference.bare} answers over HTTP: its weights are not here"
    return "it answers by a script, which has no weights" if reference.kind == "scripted" else ""


def no_adapter(candidate: Candidate) -> str:
    """Why there is no adapter to write; "" where there is one."""
    return no_weights(candidate) or ("" if candidate.adapters else "it has no adapter: its base answers as it was published")
