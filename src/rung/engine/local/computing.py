"""How questions are computed: together behind what they share, or each whole where only the model's own code knows how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from rung.engine.constrain import Grammars
from rung.engine.local.adapters import Stack
from rung.engine.local.batching import Budget
from rung.engine.local.choose import Choices, choose
from rung.engine.local.completing import Completion, complete
from rung.engine.local.decoder import Decoder
from rung.engine.local.plain import PlainDecoder
from rung.engine.local.prefix import Prefix, compute_prefix
from rung.engine.local.rows import Ask


@dataclass(frozen=True, kw_only=True)
class Computing:
    """prefix    computes what several questions begin with; None where nothing can be shared
    choose    (prompts, choices, prefix, stack) -> log-probabilities, as `choose.choose`
    complete  (asks, end tokens, grammars, budget) -> everything that is answered to each, as they end
    """

    prefix: Callable[[tuple[int, ...], Stack], Prefix] | None
    choose: Callable[[Sequence[Sequence[int]], Choices, Prefix | None, Stack], Tensor]
    complete: Callable[[Sequence[Ask], frozenset[int], Grammars | None, Budget], Iterator[Completion]]


def computing(decoder: Decoder) -> Computing:
    """As the decoder can."""
    if isinstance(decoder, PlainDecoder):
        return Computing(prefix=None, choose=decoder.choose, complete=decoder.complete)
    return Computing(prefix=partial(compute_prefix, decoder), choose=partial(choose, decoder), complete=partial(complete, decoder))
