"""Everything that is answered to many rows: one batch that they join as there is room, and leave as they end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rung.engine.constrain import Grammars
from rung.engine.local.batch import Batch
from rung.engine.local.batching import ALIKE, Budget, Waiting
from rung.engine.local.block import Made
from rung.engine.local.decoder import Decoder
from rung.engine.local.rows import Ask
from rung.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Completion:
    """All that was made of one of the rows.

    row            its place among those that were asked
    ids            all tokens, the end token included
    finish_reason  stop, length, or error
    error          why its constraint could not be held
    seconds        its share of the batch's time
    """

    row: int
    ids: list[int]
    finish_reason: str
    error: UserError | None = None
    seconds: float = 0.0


@dataclass
class _Under:
    """A row under way."""

    row: int
    ids: list[int]
    seconds: float = 0.0

    def take(self, made: Made, seconds: float) -> Completion | None:
        """All of it, where that was the last."""
        self.ids += made.tokens
        self.seconds += seconds
        if not made.finish_reason:
            return None
        return Completion(row=self.row, ids=self.ids, finish_reason=made.finish_reason, error=made.error, seconds=self.seconds)


def complete(
    decoder: Decoder, asks: Sequence[Ask], end_tokens: frozenset[int], grammars: Grammars | None, budget: Budget
) -> Iterator[Completion]:
    """Each row's, as they end. Which rows are computed together follows from the rows alone."""
    lengths = [len(ask.own) for ask in asks]
    # A row is padded to the longest that it is stored with.
    kept = [int(length / ALIKE) + ask.max_tokens for length, ask in zip(lengths, asks, strict=True)]
    waiting, under = Waiting(lengths, kept, budget), dict[int, _Under]()
    batch = Batch(decoder, end_tokens, grammars, budget.tokens)
    while waiting or batch:
        began, joining = time.perf_counter(), waiting.join()
        numbers = batch.add([asks[row] for row in joining]) if joining else []
        under |= {number: _Under(row, []) for number, row in zip(numbers, joining, strict=True)}
        step = batch.step()
        share = (time.perf_counter() - began) / len(step)
        for made in step:
            if done := under[made.row].take(made, share):
                waiting.leave(under.pop(made.row).row)
                yield done
