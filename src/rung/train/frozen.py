"""The part of the base below all that is trained: its blocks give the same at every epoch, so that they are passed once.

What they give is kept of each row where that of all rows fits into memory set aside for it; else they are passed with every batch,
without a gradient. Rows are passed in parts that do not depend on the batches, so that what is kept is the same whichever step asks
first: after an interruption the run goes on to the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rung.engine.local.decoder import Begun, Decoder
from rung.engine.local.update import Update
from rung.train.batches import collate, micro_batches, shared_prefix
from rung.train.rows import EncodedRow
from rung.train.trainable import Trainable

# What may be set aside for it.
KEPT_BYTES = 1 << 30


def kept_bytes(rows: Sequence[EncodedRow], width: int, item: int) -> int:
    """That keeping what all rows' tokens are at one block takes."""
    return sum(len(row.ids) - 1 for row in rows) * width * item


class FrozenPart:
    """What block `layer`, the lowest that is trained, is given, for rows of this run."""

    def __init__(self, decoder: Decoder, layer: int, rows: Sequence[EncodedRow], tokens_per_pass: int) -> None:
        self._decoder, self.layer = decoder, layer
        parts = micro_batches(rows, tokens_per_pass)
        self._part_of: Mapping[EncodedRow, Sequence[EncodedRow]] = {row: part for part in parts for row in part}
        self._known: dict[EncodedRow, Tensor] = {}

    @classmethod
    def of(cls, trainable: Trainable, rows: Sequence[EncodedRow], tokens_per_pass: int) -> FrozenPart | None:
        """None where nothing is frozen, the decoder cannot be cut, or the rows are too many."""
        decoder, width = trainable.decoder, trainable.decoder.config.width
        if not trainable.frozen or not decoder.CUTS or kept_bytes(rows, width, decoder.dtype.itemsize) > KEPT_BYTES:
            return None
        return cls(decoder, trainable.frozen, rows, tokens_per_pass)

    def begun(self, rows: Sequence[EncodedRow], update: Update | None, longest: int) -> Begun:
        """Of a batch of these rows as `collate` lays them out, each padded to `longest` tokens (0: as long as it is)."""
        for row in rows:
            if row not in self._known:
                self._pass(self._part_of[row], update)
        prefix = shared_prefix(rows)
        states = [self._known[rows[0]][:prefix]]
        for row in rows:
            own = self._known[row][prefix:]
            states.append(own if not longest else torch.nn.functional.pad(own, (0, 0, 0, longest - len(own))))
        return Begun(layer=self.layer, states=torch.cat(states))

    @torch.no_grad()
    def _pass(self, rows: Sequence[EncodedRow], update: Update | None) -> None:
        batch = collate(rows, self._decoder.device)
        states = self._decoder.until(self.layer, batch.ids, batch.positions, batch.attention(), update)
        first, begin = states[: batch.prefix_tokens], batch.prefix_tokens
        for row, length in zip(rows, batch.lengths, strict=True):
            own = len(row.ids) - 1 - batch.prefix_tokens
            self._known[row] = torch.cat((first, states[begin : begin + own]))
            begin += length
