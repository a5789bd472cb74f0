"""The one seam where a language model enters: a Request in, an Answer out. Everything above it is the same for every model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rung.errors import UserError
from rung.types import Answer, Message


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question to a model.

    messages    the whole conversation so far, system message and demonstrations included
    constraint  as in Candidate, with {"kind": "tools"} already resolved to {"kind": "json_schema"}
    temperature 0 is greedy
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    constraint: Mapping[str, Any] | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class ContextTooLong(UserError):
    """Some of the requests do not fit the base. `lengths` gives the tokens of each, by its index."""

    def __init__(self, lengths: Mapping[int, int], context: int, *, where: str = "") -> None:
        self.lengths, self.context = dict(lengths), context
        super().__init__(
            f"the prompt has {max(lengths.values()):,} tokens, and the base reads at most {context:,}, its answer included",
            where=where,
            mend="Shorten the text, or choose a base with a longer context.",
        )


@dataclass(kw_only=True)
class Purse:
    """What may be spent, and what has been: one for all servers that a climb asks. `limit_usd` None sets no limit.

    `keep` writes a total down, where it outlives the process: before a batch is asked the most that it could bring the total to,
    afterwards what it did. A process that is killed in between has spent no more than is written.
    """

    limit_usd: float | None = None
    spent_usd: float = 0.0
    keep: Callable[[float], None] = lambda _usd: None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


def price_usd(prices: Mapping[str, float], answer: Answer) -> float | None:
    """What an answer's tokens cost; None where tokens or prices are not known.

    prices  USD per million tokens: input_usd_per_million, output_usd_per_million, and cached_input_usd_per_million, without which
            cached tokens cost as much as others
    """
    full, out = prices.get("input_usd_per_million"), prices.get("output_usd_per_million")
    if full is None or out is None or answer.prompt_tokens is None or answer.completion_tokens is None:
        return None
    cached = min(answer.cached_tokens or 0, answer.prompt_tokens)
    reduced = prices.get("cached_input_usd_per_million", full)
    return ((answer.prompt_tokens - cached) * full + cached * reduced + answer.completion_tokens * out) / 1e6


class Backend(Protocol):
    """A model that answers. `reference` is `<what the user wrote>@sha256:<digest>`, `template` the chat template's digest."""

    reference: str
    template: str

    def answer(self, requests: Sequence[Request], adapters: Sequence[Path] = ()) -> list[Answer]:
        """One Answer for each Request, in the same order. Batching is the backend's business.

        Raises ContextTooLong, before anything is computed, where it knows that requests do not fit.
        """
