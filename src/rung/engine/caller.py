"""Who waits for an answer while it is made: whose it is, how it is drawn, who hears it as it comes, and when nobody waits any more.

A question of a climb has no caller. One of a server has: the same code answers both, and what is asked for here is done beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.errors import RungError

# Log-probabilities of other tokens that an answer may tell beside its own.
MOST_LOGPROBS = 20


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How an answer is drawn, where that is not left to its Candidate.

    temperature   0 is greedy; then neither top_p nor seed has a part in it
    max_tokens    of the answer; None for the Candidate's own
    stop          the answer ends before the first of these
    top_logprobs  so many of the likeliest tokens are told at each place, beside the chosen one; None tells no log-probability
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None


@dataclass(frozen=True, kw_only=True)
class TokenLogprob:
    """A token as it was written, with its natural log-probability; `top` are the likeliest at its place, the likeliest first.

    data  its bytes: a character may need several tokens
    """

    text: str
    data: bytes
    logprob: float
    top: tuple[tuple[str, bytes, float], ...] = ()

    @property
    def told(self) -> Mapping[str, Any]:
        """As an Answer keeps it, in JSON and in OpenAI's words."""
        top = [{"token": text, "bytes": list(data), "logprob": logprob} for text, data, logprob in self.top]
        return {"token": self.text, "bytes": list(self.data), "logprob": self.logprob, "top_logprobs": top}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of an answer as it is made: whole characters, and nothing that a stop or a later token could take back."""

    text: str
    tokens: tuple[TokenLogprob, ...] = ()


class Gone(RungError):
    """Who asked has left; nothing more is computed for them."""


class Late(RungError):
    """The answer did not come before its deadline."""


class Full(RungError):
    """So many wait already that no more are let in.

    retry_after_s  when there may be room, as far as can be told
    """

    def __init__(self, problem: str, *, retry_after_s: float) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s


def nobody_hears(_piece: Piece) -> None:
    """The answer is wanted whole."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Caller:
    """Who waits for one answer.

    tenant    whose question it is: nothing that was kept of another's is used for it or told by its time, and tenants take turns
    sampling  how the answer is drawn
    weights   of the Candidate's adapters, by their places; empty where each counts once
    hear      hears the pieces in order, from a thread of the engine's: it must not wait. What it raises ends the answer
    deadline  on `time.monotonic`, after which the answer is given up with Late; None waits for it
    gone      set by who asked when they have left: their place is free with the next token, and Gone is raised
    """

    tenant: str = ""
    sampling: Sampling = Sampling()
    weights: tuple[float, ...] = ()
    hear: Callable[[Piece], None] = nobody_hears
    deadline: float | None = None
    gone: threading.Event = field(default_factory=threading.Event)
