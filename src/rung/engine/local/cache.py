"""Rows of tokens behind a shared prefix, and the keys and values that they keep between passes.

Only real tokens go through the decoder's products: they travel flat, rows of unequal length one after the other, and are laid out
as right-padded rows for attention alone. Each row's new keys and values are written at its own next place.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from rung.engine.local.attention import attend_rows, masked_attention
from rung.engine.local.decoder import Decoder
from rung.engine.local.prefix import Prefix
from rung.engine.local.update import Update


class RowCache:
    """`lengths` own tokens of each row so far; room for `capacity` of each."""

    def __init__(self, decoder: Decoder, rows: int, capacity: int, prefix: Prefix | None, update: Update | None) -> None:
        self.decoder, self.prefix, self.update = decoder, prefix, update
        self.lengths = [0] * rows
        shape = (rows, decoder.config.key_value_heads, capacity, decoder.config.head_width)
        # Zeros, not empty memory: a masked place still takes part in products, where a NaN would survive the mask.
        self.keys = [torch.zeros(shape, dtype=decoder.dtype, device=decoder.device) for _ in range(decoder.config.layers)]
        self.values = [torch.zeros(shape, dtype=decoder.dtype, device=decoder.device) for _ in range(decoder.config.layers)]

    def extend(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Append at least one token to each row; final hidden states of each row's last token, (rows, width)."""
        return extend_together([self], [tokens])

    def branch(self, tokens: Sequence[int], parents: Sequence[int]) -> Tensor:
        """Continue every row along every path of one tree; hidden states (rows, nodes, width). Nothing is kept.

        tokens, parents  of each node; parents stand before their children, -1 is a row's last token
        """
        tree = _Tree(self, parents)
        ids = self._tensor(tokens).repeat(len(self.lengths))
        hidden = self.decoder.hidden(ids, tree.positions, tree, self.update)
        return hidden.view(len(self.lengths), len(tokens), -1)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop every other row."""
        index = self._tensor(rows)
        self.keys = [keys[index] for keys in self.keys]
        self.values = [values[index] for values in self.values]
        self.lengths = [self.lengths[row] for row in rows]

    @property
    def prefix_length(self) -> int:
        return len(self.prefix.tokens) if self.prefix else 0

    def _tensor(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self.decoder.device)


def extend_together(caches: Sequence[RowCache], tokens: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """Append to the rows of several caches of one decoder, prefix and update in one pass; as RowCache.extend, over all their rows.

    The weights are read once for all of them, while rows of unlike lengths do not pad each other.
    """
    steps = [_Step(cache, [len(row) for row in rows]) for cache, rows in zip(caches, tokens, strict=True)]
    flat = [row for rows in tokens for row in rows]
    decoder, update = caches[0].decoder, caches[0].update
    ids = torch.tensor([token for row in flat for token in row], dtype=torch.int64, device=decoder.device)
    last = torch.tensor([end - 1 for end in accumulate(map(len, flat))], dtype=torch.int64, device=decoder.device)
    attention = steps[0] if len(steps) == 1 else _Together(steps)
    hidden = decoder.hidden(ids, torch.cat([step.positions for step in steps]), attention, update, last)
    for cache, rows in zip(caches, tokens, strict=True):
        cache.lengths = [length + len(row) for length, row in zip(cache.lengths, rows, strict=True)]
    return hidden


class _Together:
    """Attention of one pass over the rows of several caches, one after the other."""

    def __init__(self, steps: Sequence[_Step]) -> None:
        self.steps, self.sizes = steps, [len(step.positions) for step in steps]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        parts = zip(self.steps, queries.split(self.sizes), keys.split(self.sizes), values.split(self.sizes), strict=True)
        return torch.cat([step(layer, *part) for step, *part in parts])


class _Step:
    """Attention of one pass that appends counts[i] tokens to row i."""

    def __init__(self, cache: RowCache, counts: Sequence[int]) -> None:
        self.cache, self.rows, self.width = cache, len(counts), max(counts)
        device = cache.decoder.device
        starts = torch.tensor(cache.lengths, device=device)[:, None]
        sizes = torch.tensor(counts, device=device)[:, None]
        offsets = torch.arange(self.width, device=device)
        self.places = starts + offsets
        real = offsets < sizes
        self.positions = (cache.prefix_length + self.places)[real]
        self.seen = max(cache.lengths) + self.width
        self.first = self.seen == self.width
        # Padding repeats a row's last token: finite, later overwritten or masked.
        padded = (sizes.cumsum(0) - sizes) + torch.minimum(offsets, sizes - 1)
        self.padded = None if bool(real.all()) else padded.flatten()
        self.real = real.flatten().nonzero().squeeze(1)
        self.mask = None if self.first else _hidden(torch.arange(self.seen, device=device) > self.places[:, :, None])[:, None]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        cache = self.cache
        prefix = cache.prefix.layers[layer] if cache.prefix else None
        queries, keys, values = self._padded(queries), self._padded(keys), self._padded(values)
        rows = torch.arange(self.rows, device=keys.device)[:, None]
        cache.keys[layer][rows, :, self.places] = keys
        cache.values[layer][rows, :, self.places] = values
        if self.mask is None:
            out = attend_rows(queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2), prefix)
        else:
            seen_keys, seen_values = cache.keys[layer][:, :, : self.seen], cache.values[layer][:, :, : self.seen]
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
        cache = self.cache
        prefix = cache.prefix.layers[layer] if cache.prefix else None
        all_keys = torch.cat((cache.keys[layer][:, :, : self.seen], self._rows(keys)), dim=2)
        all_values = torch.cat((cache.values[layer][:, :, : self.seen], self._rows(values)), dim=2)
        out = masked_attention(self._rows(queries), all_keys, all_values, self.mask, prefix)
        return out.transpose(1, 2).reshape(self.rows * self.nodes, -1)

    def _rows(self, flat: Tensor) -> Tensor:
        return flat.view(self.rows, self.nodes, *flat.shape[1:]).transpose(1, 2)


def _hidden(places: Tensor) -> Tensor:
    """Added to scores: minus infinity where `places` is true."""
    return torch.zeros(places.shape, device=places.device).masked_fill_(places, float("-inf"))
