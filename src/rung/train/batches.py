"""Which rows a step takes, and how they lie in memory: in an order that only (seed, epoch) decides, lengths alike side by side."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

from rung.engine.local.attention import PrefixedRows, accelerated
from rung.engine.local.decoder import Begun
from rung.engine.local.ragged import RaggedRows
from rung.train.rows import EncodedRow

# Rows of this many batches are sorted by length together: padding nearly vanishes, and batches still differ from epoch to epoch.
WINDOW_BATCHES = 8


@dataclass(frozen=True, kw_only=True)
class Order:
    """Every step's rows, as a pure function of (seed, epoch): a resumed run takes the same batches."""

    lengths: tuple[int, ...]
    batch_rows: int
    epochs: float
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.lengths) / self.batch_rows)

    @property
    def steps(self) -> int:
        return max(1, math.ceil(self.epochs * self.steps_per_epoch - 1e-9))

    def at(self, step: int) -> list[int]:
        """Indices of the rows that step (from 0) trains on, shortest first."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch not in self._epochs:
            self._epochs.clear()
            self._epochs[epoch] = epoch_batches(self.lengths, self.batch_rows, self.seed, epoch)
        return self._epochs[epoch][position]

    @cached_property
    def _epochs(self) -> dict[int, list[list[int]]]:
        return {}


def epoch_batches(lengths: Sequence[int], batch_rows: int, seed: int, epoch: int) -> list[list[int]]:
    """Shuffle, sort by length within windows, cut into batches, shuffle the batches. Every row once."""
    chance = random.Random(f"rung-order:{seed}:{epoch}")
    rows = list(range(len(lengths)))
    chance.shuffle(rows)
    window = batch_rows * WINDOW_BATCHES
    in_order = [
        row for start in range(0, len(rows), window) for row in sorted(rows[start : start + window], key=lengths.__getitem__)
    ]
    cut = [in_order[start : start + batch_rows] for start in range(0, len(in_order), batch_rows)]
    chance.shuffle(cut)
    return cut


def micro_batches(rows: Sequence[EncodedRow], tokens: int) -> list[list[EncodedRow]]:
    """Split a batch so that no part, padded, is longer than `tokens`; a row that is longer by itself stands alone.

    Longer parts would be no quicker: at some hundred tokens products are as quick as they get.
    """
    parts: list[list[EncodedRow]] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if parts and padded_tokens(grown := [*parts[-1], row]) <= tokens:
            parts[-1] = grown
        else:
            parts.append([row])
    return parts


def padded_tokens(rows: Sequence[EncodedRow]) -> int:
    """Tokens of these rows as attention holds them: the shared prefix once, each row padded to the longest."""
    prefix = shared_prefix(rows)
    return prefix + len(rows) * (max(len(row.ids) for row in rows) - 1 - prefix)


def computed_tokens(rows: Sequence[EncodedRow]) -> int:
    """Tokens that a pass over these rows computes: the shared prefix once, and no row's last, which nothing is predicted from."""
    prefix = shared_prefix(rows)
    return prefix + sum(len(row.ids) - 1 - prefix for row in rows)


def shared_prefix(rows: Sequence[EncodedRow]) -> int:
    """How many leading tokens all rows have in common, short of the position that predicts any row's first supervised token."""
    limit = min(row.start for row in rows) - 1
    first, *others = (row.ids for row in rows)
    for position in range(limit):
        if any(ids[position] != first[position] for ids in others):
            return position
    return max(limit, 0)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Flat tokens, [shared prefix | rows], as `ragged.py` draws them, or on an accelerator, where a call costs more than the
    arithmetic that it saves, right-padded rows as `attention.py` does.

    ids, positions  (n,) tokens and where each stands in its conversation
    supervised      (s,) indices into them: the positions that predict a supervised token
    labels          (s,) those tokens
    lengths         of the rows behind the prefix, with their padding
    begun           what is known already of the pass over them
    """

    ids: Tensor
    positions: Tensor
    supervised: Tensor
    labels: Tensor
    prefix_tokens: int
    lengths: tuple[int, ...]
    begun: Begun | None = None

    @property
    def padded_to(self) -> int:
        """Tokens that each row has behind the prefix; 0 where each is as long as it is."""
        return self.lengths[0] if accelerated(self.ids) else 0

    def attention(self) -> PrefixedRows | RaggedRows:
        if accelerated(self.ids):
            return PrefixedRows(prefix_tokens=self.prefix_tokens, rows=len(self.lengths), row_length=self.lengths[0])
        return RaggedRows(prefix_tokens=self.prefix_tokens, lengths=self.lengths, device=self.ids.device)


def collate(rows: Sequence[EncodedRow], device: torch.device) -> Batch:
    """Lay rows out with their common prefix standing, and being computed, once, and without the last token of each."""
    prefix = shared_prefix(rows)
    own = [row.ids[prefix:-1] for row in rows]
    longest = max(map(len, own))
    padding = [longest - len(ids) if device.type != "cpu" else 0 for ids in own]
    lengths = tuple(len(ids) + more for ids, more in zip(own, padding, strict=True))
    begins = [prefix + behind for behind in accumulate(lengths, initial=0)]
    ids = [*rows[0].ids[:prefix], *(token for ids, more in zip(own, padding, strict=True) for token in (*ids, *[0] * more))]
    positions = [*range(prefix), *(place for length in lengths for place in range(prefix, prefix + length))]
    supervised = [
        place
        for row, begin in zip(rows, begins, strict=False)
        for place in range(begin - prefix + row.start - 1, begin - prefix + len(row.ids) - 1)
    ]
    labels = [token for row in rows for token in row.ids[row.start :]]
    return Batch(
        ids=torch.tensor(ids, device=device),
        positions=torch.tensor(positions, device=device),
        supervised=torch.tensor(supervised, device=device),
        labels=torch.tensor(labels, device=device),
        prefix_tokens=prefix,
        lengths=lengths,
    )
