"""The one seam where a language model enters: a Request in, an Answer out. Everything above it is the same for every model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


class Backend(Protocol):
    """A model that answers. `reference` is `<what the user wrote>@sha256:<digest>`, `template` the chat template's digest."""

    reference: str
    template: str

    def answer(self, requests: Sequence[Request], adapters: Sequence[Path] = ()) -> list[Answer]:
        """One Answer for each Request, in the same order. Batching is the backend's business.

        Raises ContextTooLong, before anything is computed, where it knows that requests do not fit.
        """
