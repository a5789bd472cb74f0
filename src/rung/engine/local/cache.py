"""Rows of tokens behind a shared prefix, and the keys and values that they keep between passes.

Only real tokens go through the decoder's products: they travel flat, rows of unequal length one after the other, and are laid out
as right-padded rows for attention alone. Each row's new keys and values are written at its own next place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from rung.engine.local.attention import attend_rows, masked_attention
from rung.engine.local.decoder import Decoder
from rung.engine.local.prefix import Prefix
from rung.engine.local.update import Update


class RowCache:
    """`lengths` own tokens of each row so far; room for `capacity` of each. Rows come and go at the end."""

    def __init__(self, decoder: Decoder, rows: int, capacity: int, prefix: Prefix | None) -> None:
        self.decoder, self.prefix, self.capacity = decoder, prefix, capacity
        self.lengths = [0] * rows
        self.keys = [self._room(rows) for _ in range(decoder.config.layers)]
        self.values = [self._room(rows) for _ in range(decoder.config.layers)]

    def branch(self, tokens: Sequence[int], parents: Sequence[int], update: Update | None = None) -> Tensor:
        """Continue every row along every path of one tree; hidden states (rows, nodes, width). Nothing is kept.

        tokens, parents  of each node; parents stand before their children, -1 is a row's last token
        """
        tree = _Tree(self, parents)
        ids = torch.tensor(tokens, dtype=torch.int64, device=self.decoder.device).repeat(len(self.lengths))
        hidden = self.decoder.hidden(ids, tree.positions, tree, update)
        return hidden.view(len(self.lengths), len(tokens), -1)

    def add(self, rows: int, capacity: int) -> None:
        """Empty rows at the end, each with room for `capacity` tokens; where there is no room it is doubled, for later ones too."""
        needed, held = len(self.lengths) + rows, len(self.keys[0])
        if needed > held or capacity > self.capacity:
            room = max(needed, 2 * held) if needed > held else held
            self.capacity = max(capacity, self.capacity)
            self.keys = [self._moved(keys, room) for keys in self.keys]
            self.values = [self._moved(values, room) for values in self.values]
        self.lengths += [0] * rows

    def move(self, row: int, place: int) -> None:
        """Copy what a row keeps to another's place, whose own is forgotten."""
        length = self.lengths[row]
        self.lengths[place] = length
        if length:
            for kept in (*self.keys, *self.values):
                kept[place, :, :length] = kept[row, :, :length]

    def pop(self) -> None:
        """Forget the last row."""
        self.lengths.pop()

    @property
    def prefix_length(self) -> int:
        return len(self.prefix.tokens) if self.prefix else 0

    def _room(self, rows: int) -> Tensor:
        """Zeros, not empty memory: a masked place still takes part in products, where a NaN would survive the mask."""
        config = self.decoder.config
        shape = (rows, config.key_value_heads, self.capacity, config.head_width)
        return torch.zeros(shape, dtype=self.decoder.dtype, device=self.decoder.device)

    def _moved(self, kept: Tensor, rows: int) -> Tensor:
        larger = self._room(rows)
        larger[: len(kept), :, : kept.shape[2]] = kept
        return larger


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one pass appends to neighbouring rows of a cache: at least one token to each, from the row `first` on."""

    cache: RowCache
    first: int
    tokens: Sequence[Sequence[int]]


def extend_together(parts: Sequence[Part], update: Update | None) -> Tensor:
    """One pass over the rows of several caches of one decoder; final hidden states of each row's last token, (rows, width).

    The weights are read once for all of them, while rows of unlike lengths do not pad each other.
    """
    steps = [_Step(part.cache, part.first, [len(row) for row in part.tokens]) for part in parts]
    flat = [row for part in parts for row in part.tokens]
    decoder = parts[0].cache.decoder
    ids = torch.tensor([token for row in flat for token in row], dtype=torch.int64, device=decoder.device)
    last = torch.tensor([end - 1 for end in accumulate(map(len, flat))], dtype=torch.int64, device=decoder.device)
    attention = steps[0] if len(steps) == 1 else _Together(steps)
    hidden = decoder.hidden(ids, torch.cat([step.positions for step in steps]), attention, update, last)
    for part in parts:
        for row, tokens in enumerate(part.tokens, part.first):
            part.cache.lengths[row] += len(tokens)
    return hidden


class _Together:
    """Attention of one pass over the rows of several caches, one after the other."""

    def __init__(self, steps: Sequence[_Step]) -> None:
        self.steps, self.sizes = steps, [len(step.positions) for step in steps]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        parts = zip(self.steps, queries.split(self.sizes), keys.split(self.sizes), values.split(self.sizes), strict=True)
        return torch.cat([step(layer, *part) for step, *part in parts])


class _Step:
    """Attention of one pass that appends counts[i] tokens to row first + i."""

    def __init__(self, cache: RowCache, first: int, counts: Sequence[int]) -> None:
        self.cache, self.rows, self.width = cache, len(counts), max(counts)
        self.mine = slice(first, first + len(counts))
        lengths, device = cache.lengths[self.mine], cache.decoder.device
        starts = torch.tensor(lengths, device=device)[:, None]
        sizes = torch.tensor(counts, device=device)[:, None]
        offsets = torch.arange(self.width, device=device)
        self.places = starts + offsets
        real = offsets < sizes
        self.positions = (cache.prefix_length + self.places)[real]
        self.seen = max(lengths) + self.width
        # Padding repeats a row's last token: finite, later overwritten or masked.
        padded = (sizes.cumsum(0) - sizes) + torch.minimum(offsets, sizes - 1)
        self.padded = None if bool(real.all()) else padded.flatten()
        self.real = real.flatten().nonzero().squeeze(1)
        empty = self.seen == self.width
        self.mask = None if empty else _hidden(torch.arange(self.seen, device=device) > self.places[:, :, None])[:, None]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        prefix = self.cache.prefix.layers[layer] if self.cache.prefix else None
        kept_keys, kept_values = self.cache.keys[layer][self.mine], self.cache.values[layer][self.mine]
        queries, keys, values = self._padded(queries), self._padded(keys), self._padded(values)
        rows = torch.arange(self.rows, device=keys.device)[:, None]
        kept_keys[rows, :, self.places] = keys
        kept_values[rows, :, self.places] = values
        if self.mask is None:
            out = attend_rows(queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2), prefix)
        else:
            seen_keys, seen_values = kept_keys[:, :, : self.seen], kept_values[:, :, : self.seen]
            out = masked_attention(queries.transpose(1, 2), seen_keys, seen_values, self.mask, prefix)
            out = out.transpose(1, 2).reshape(self.rows * self.width, -1)
        return out if self.padded is None else out[self.real]

    def _padded(self, flat: Tensor) -> Tensor:
        """(n, heads, head_width) -> (rows, width, heads, head_width)."""
        rows = flat if self.padded is None else flat[self.padded]
        return rows.view(self.rows, self.width, *flat.shape[1:])


class _Tree:
    """Attention of one pass over a tree behind each row: a node sees its row and its ancestors."""

    def __init__(self, cache: RowCache, parents: Sequence[int]) -> None:
        self.cache, self.rows, self.nodes = cache, len(cache.lengths), len(parents)
        device = cache.decoder.device
        sees = torch.eye(self.nodes, dtype=torch.bool)
        for node, parent in enumerate(parents):
            if parent >= 0:
                sees[node] |= sees[parent]
        depths = sees.sum(1).to(device) - 1
        lengths = torch.tensor(cache.lengths, device=device)
        self.positions = (cache.prefix_length + lengths[:, None] + depths).flatten()
        self.seen = max(cache.lengths)
        beyond = (torch.arange(self.seen, device=device) >= lengths[:, None])[:, None].expand(-1, self.nodes, -1)
        self.mask = _hidden(torch.cat((beyond, ~sees.to(device).expand(self.rows, -1, -1)), dim=-1))[:, None]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        prefix = self.cache.prefix.layers[layer] if self.cache.prefix else None
        kept_keys, kept_values = self.cache.keys[layer][: self.rows], self.cache.values[layer][: self.rows]
        all_keys = torch.cat((kept_keys[:, :, : self.seen], self._rows(keys)), dim=2)
        all_values = torch.cat((kept_values[:, :, : self.seen], self._rows(values)), dim=2)
        out = masked_attention(self._rows(queries), all_keys, all_values, self.mask, prefix)
        return out.transpose(1, 2).reshape(self.rows * self.nodes, -1)

    def _rows(self, flat: Tensor) -> Tensor:
        return flat.view(self.rows, self.nodes, *flat.shape[1:]).transpose(1, 2)


def _hidden(places: Tensor) -> Tensor:
    """Added to scores: minus infinity where `places` is true."""
    return torch.zeros(places.shape, device=places.device).masked_fill_(places, float("-inf"))
