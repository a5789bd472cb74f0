"""How questions are computed: sharing what they begin with where the decoder can, one by one where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from rung.engine.constrain import Grammars
from rung.engine.local.adapters import Stack
from rung.engine.local.batch import Batch, Completion, Gathered
from rung.engine.local.choose import Choices, choose
from rung.engine.local.decoder import Decoder
from rung.engine.local.plain import PlainDecoder
from rung.engine.local.prefix import Prefix, compute_prefix
from rung.engine.local.rows import Ask


class Computing(Protocol):
    """shares      whether a prefix of several questions is worth computing once
    prefix()    a prefix, computed
    choose()    log-probabilities, (rows, choices), as `choose.choose`
    complete()  everything that is answered to these; raises the UserError of one that has one

    tokens, the last argument of both, are computed at once at most, padding counted.
    """

    shares: bool

    def prefix(self, tokens: tuple[int, ...], stack: Stack) -> Prefix: ...

    def choose(
        self, prompts: Sequence[Sequence[int]], choices: Choices, prefix: Prefix | None, stack: Stack, tokens: int
    ) -> Tensor: ...

    def complete(
        self, asks: Sequence[Ask], end_tokens: frozenset[int], grammars: Grammars | None, tokens: int
    ) -> list[Completion]: ...


@dataclass(frozen=True)
class Together:
    """Rows behind a shared prefix, all in one pass."""

    decoder: Decoder
    shares: bool = True

    def prefix(self, tokens: tuple[int, ...], stack: Stack) -> Prefix:
        return compute_prefix(self.decoder, tokens, stack)

    def choose(
        self, prompts: Sequence[Sequence[int]], choices: Choices, prefix: Prefix | None, stack: Stack, tokens: int
    ) -> Tensor:
        return choose(self.decoder, prompts, choices, prefix, stack)

    def complete(
        self, asks: Sequence[Ask], end_tokens: frozenset[int], grammars: Grammars | None, tokens: int
    ) -> list[Completion]:
        batch = Batch(self.decoder, end_tokens, grammars, tokens)
        made = Gathered(batch.add(asks))
        while batch:
            made.take(batch.step())
        return made.completions


@dataclass(frozen=True)
class Apart:
    """Each row whole, by the model's own code."""

    decoder: PlainDecoder
    shares: bool = False

    def prefix(self, tokens: tuple[int, ...], stack: Stack) -> Prefix:
        raise TypeError("a plain decoder shares no prefix")

    def choose(
        self, prompts: Sequence[Sequence[int]], choices: Choices, prefix: Prefix | None, stack: Stack, tokens: int
    ) -> Tensor:
        return self.decoder.choose(prompts, choices, stack, tokens)

    def complete(
        self, asks: Sequence[Ask], end_tokens: frozenset[int], grammars: Grammars | None, tokens: int
    ) -> list[Completion]:
        return self.decoder.complete(asks, end_tokens, grammars, tokens)


def computing(decoder: Decoder) -> Computing:
    """As the decoder can."""
    return Apart(decoder) if isinstance(decoder, PlainDecoder) else Together(decoder)
