"""Rows of tokens behind a shared prefix, and the keys and values that they keep between passes.

Only real tokens go through the decoder's products: they travel flat, rows of unequal length one after the other, and are laid out
as right-padded rows for attention alone. Each row's new keys and values are written at its own next place.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from rung.engine.local.attention import KeyValues, attend_rows, masked_attention, unseen
from rung.engine.local.decoder import Decoder
from rung.engine.local.prefix import Prefix
from rung.engine.local.scoring import PLAIN, Reach, Scoring
from rung.engine.local.update import Update

# Queries of padding, rows times tokens, that cost about as much as a second look at what the rows keep.
PADDED_QUERIES_AT_MOST = 32
# Keys are looked at in steps of so many, those behind a row's last one masked: a kernel is made for each shape that was not seen
# before, and a row that grows by a token would otherwise ask for new ones at every step.
SEEN_IN_STEPS_OF = 32
# Room for so many rows is worth giving back.
SHRINKS_FROM = 16


class RowCache:
    """`lengths` own tokens of each row so far; room for `capacity` of each. Rows come and go at the end."""

    def __init__(self, decoder: Decoder, rows: int, capacity: int, prefix: Prefix | None) -> None:
        self.decoder, self.prefix, self.capacity = decoder, prefix, capacity
        self.lengths = [0] * rows
        sizes = decoder.config.keys_values
        self.keys = [self._room(rows, layer.heads, layer.key_width) for layer in sizes]
        self.values = [self._room(rows, layer.heads, layer.value_width) for layer in sizes]

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

    def reserve(self, tokens: int) -> None:
        """Room for so many tokens of each row, and for a quarter more, so that rows which go on growing are seldom moved."""
        if tokens > self.capacity:
            self.add(0, tokens + tokens // 4)

    def put(self, row: int, known: Sequence[KeyValues]) -> None:
        """Begin an empty row with keys and values that were kept, a layer each, of as many tokens."""
        length = known[0].keys.shape[1]
        for kept, given in zip(self.keys, known, strict=True):
            kept[row, :, :length] = given.keys
        for kept, given in zip(self.values, known, strict=True):
            kept[row, :, :length] = given.values
        self.lengths[row] = length

    def taken(self, row: int, length: int) -> list[KeyValues]:
        """A copy of what a row keeps of its first tokens, behind a copy of the prefix's."""
        before = self.prefix.layers if self.prefix else [None] * len(self.keys)
        pairs = zip(self.keys, self.values, before, strict=True)
        return [_copied(known, keys[row, :, :length], values[row, :, :length]) for keys, values, known in pairs]

    def alone(self, row: int) -> RowCache:
        """One of the rows, in the same memory."""
        one = copy(self)
        one.lengths = [self.lengths[row]]
        one.keys = [keys[row : row + 1] for keys in self.keys]
        one.values = [values[row : row + 1] for values in self.values]
        return one

    def swap(self, row: int, other: int) -> None:
        """Each takes the other's place."""
        length = max(self.lengths[row], self.lengths[other])
        for kept in (*self.keys, *self.values):
            kept[[row, other], :, :length] = kept[[other, row], :, :length]
        self.lengths[row], self.lengths[other] = self.lengths[other], self.lengths[row]

    def move(self, row: int, place: int) -> None:
        """Copy what a row keeps to another's place, whose own is forgotten."""
        length = self.lengths[row]
        self.lengths[place] = length
        if length:
            for kept in (*self.keys, *self.values):
                kept[place, :, :length] = kept[row, :, :length]

    def forget(self, row: int, tokens: int) -> None:
        """Take back the last tokens of a row: what they left behind is not seen, and written over."""
        self.lengths[row] -= tokens

    def pop(self) -> None:
        """Forget the last row; of room for many more than are left, half is given back."""
        self.lengths.pop()
        if len(self.keys[0]) >= SHRINKS_FROM and 4 * len(self.lengths) <= len(self.keys[0]):
            half = len(self.keys[0]) // 2
            self.keys = [keys[:half].clone() for keys in self.keys]
            self.values = [values[:half].clone() for values in self.values]

    @property
    def prefix_length(self) -> int:
        return len(self.prefix.tokens) if self.prefix else 0

    def _room(self, rows: int, heads: int, width: int) -> Tensor:
        """Zeros, not empty memory: a masked place still takes part in products, where a NaN would survive the mask."""
        return torch.zeros(rows, heads, self.capacity, width, dtype=self.decoder.dtype, device=self.decoder.device)

    def _moved(self, kept: Tensor, rows: int) -> Tensor:
        larger = self._room(rows, kept.shape[1], kept.shape[3])
        larger[: len(kept), :, : kept.shape[2]] = kept
        return larger


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one pass appends to neighbouring rows of a cache: at least one token to each, from the row `first` on.

    wanted  of each row, of how many of its last tokens the states are given
    """

    cache: RowCache
    first: int
    tokens: Sequence[Sequence[int]]
    wanted: Sequence[int]

    @classmethod
    def of(cls, cache: RowCache, tokens: Sequence[Sequence[int]], first: int = 0) -> Part:
        """Of each row the last token's alone."""
        return cls(cache=cache, first=first, tokens=tokens, wanted=[1] * len(tokens))


def extend_together(parts: Sequence[Part], update: Update | None) -> Tensor:
    """One pass over the rows of several caches of one decoder; final hidden states of the tokens that are wanted, (n, width).

    The weights are read once for all of them, while rows of unlike lengths do not pad each other.
    """
    steps = [_Step(part.cache, part.first, [len(row) for row in part.tokens]) for part in parts]
    flat = [row for part in parts for row in part.tokens]
    wanted = [count for part in parts for count in part.wanted]
    decoder = parts[0].cache.decoder
    ids = torch.tensor([token for row in flat for token in row], dtype=torch.int64, device=decoder.device)
    ends = zip(accumulate(map(len, flat)), wanted, strict=True)
    places = [place for end, count in ends for place in range(end - count, end)]
    only = torch.tensor(places, dtype=torch.int64, device=decoder.device)
    attention = steps[0] if len(steps) == 1 else _Together(steps)
    hidden = decoder.hidden(ids, torch.cat([step.positions for step in steps]), attention, update, only)
    for part in parts:
        for row, tokens in enumerate(part.tokens, part.first):
            part.cache.lengths[row] += len(tokens)
    return hidden


def _copied(known: KeyValues | None, keys: Tensor, values: Tensor) -> KeyValues:
    if known is None:
        return KeyValues(keys.clone(), values.clone())
    return KeyValues(torch.cat((known.keys, keys), dim=1), torch.cat((known.values, values), dim=1))


class _Together:
    """Attention of one pass over the rows of several caches, one after the other."""

    def __init__(self, steps: Sequence[_Step]) -> None:
        self.steps, self.sizes = steps, [len(step.positions) for step in steps]

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, scoring: Scoring = PLAIN) -> Tensor:
        parts = zip(queries.split(self.sizes), keys.split(self.sizes), values.split(self.sizes), strict=True)
        return torch.cat([step(layer, *part, scoring) for step, part in zip(self.steps, parts, strict=True)])


@dataclass(frozen=True, kw_only=True)
class _Masks:
    """Of one reach: added to the scores of the rows' own keys from `own_from` on, (rows, 1, queries, keys), and of the prefix's
    from `known_from` on, None where all of these are seen."""

    own: Tensor
    known: Tensor | None
    own_from: int = 0
    known_from: int = 0


class _Step:
    """Attention of one pass that appends counts[i] tokens to row first + i."""

    def __init__(self, cache: RowCache, first: int, counts: Sequence[int]) -> None:
        self.cache, self.mine = cache, slice(first, first + len(counts))
        lengths, device = cache.lengths[self.mine], cache.decoder.device
        rows = [row for row, count in enumerate(counts) for _ in range(count)]
        places = [length + offset for length, count in zip(lengths, counts, strict=True) for offset in range(count)]
        self.rows, self.places = torch.tensor(rows, device=device), torch.tensor(places, device=device)
        self.positions = cache.prefix_length + self.places
        self.first_pass = not any(lengths)
        self._looks = _looks(cache, lengths, counts, split=not self.first_pass)

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, scoring: Scoring = PLAIN) -> Tensor:
        prefix = self.cache.prefix.layers[layer] if self.cache.prefix else None
        kept_keys, kept_values = self.cache.keys[layer][self.mine], self.cache.values[layer][self.mine]
        kept_keys[self.rows, :, self.places] = keys
        kept_values[self.rows, :, self.places] = values
        if self.first_pass:
            look = self._looks[0]
            rows = [look.padded(tensor).transpose(1, 2) for tensor in (queries, keys, values)]
            return look.real(attend_rows(rows[0], rows[1], rows[2], prefix, scoring))
        outs = [look.attend(queries, kept_keys, kept_values, prefix, scoring) for look in self._looks]
        if len(outs) == 1:
            return outs[0]
        out = outs[0].new_empty(len(queries), outs[0].shape[1])
        for look, part in zip(self._looks, outs, strict=True):
            out[look.tokens] = part
        return out


def _looks(cache: RowCache, lengths: Sequence[int], counts: Sequence[int], *, split: bool) -> list[_Look]:
    """All rows in one, padded to the widest; where that would mostly be padding, each row's first token in one, and in another the
    further tokens of the rows that have some.
    """
    starts = [0, *accumulate(counts)][:-1]
    further = [row for row, count in enumerate(counts) if count > 1]
    total = sum(counts)
    padding = len(counts) * max(counts) - total
    if not split or 2 * len(further) > len(counts) or padding <= PADDED_QUERIES_AT_MOST:
        tokens = [list(range(start, start + count)) for start, count in zip(starts, counts, strict=True)]
        return [_Look(cache, total, None, lengths, tokens)]
    return [
        _Look(cache, total, None, lengths, [[start] for start in starts]),
        _Look(
            cache,
            total,
            further,
            [lengths[row] + 1 for row in further],
            [list(range(starts[row] + 1, starts[row] + counts[row])) for row in further],
        ),
    ]


class _Look:
    """Attention of some tokens of a pass over what their rows keep, these tokens included: a rectangle of rows, right-padded.

    total   tokens of the pass
    rows    of the pass, None for all
    starts  of each row, where its first token here stands in the row
    tokens  of each row, the places in the pass of its tokens here
    """

    def __init__(
        self, cache: RowCache, total: int, rows: Sequence[int] | None, starts: Sequence[int], tokens: Sequence[Sequence[int]]
    ) -> None:
        device = cache.decoder.device
        self.begins, self.count, self.width = cache.prefix_length, len(tokens), max(map(len, tokens))
        self.rows = None if rows is None else torch.tensor(rows, device=device)
        self.tokens = torch.tensor([token for row in tokens for token in row], device=device)
        self.least = min(starts)
        seen = max(start + len(row) for start, row in zip(starts, tokens, strict=True))
        self.seen = min(-(-seen // SEEN_IN_STEPS_OF) * SEEN_IN_STEPS_OF, cache.capacity)
        self.places = torch.tensor(starts, device=device)[:, None] + torch.arange(self.width, device=device)
        # Padding repeats a row's last token: finite, and of no use to anybody.
        padded = [[*row, *[row[-1]] * (self.width - len(row))] for row in tokens]
        laid_out = [token for row in padded for token in row]
        self._padded = None if laid_out == list(range(total)) else torch.tensor(laid_out, device=device)
        kept = [at * self.width + offset for at, row in enumerate(tokens) for offset in range(len(row))]
        self._real = None if len(kept) == self.count * self.width else torch.tensor(kept, device=device)
        self._masks: dict[Reach, _Masks] = {}

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, prefix: KeyValues | None, scoring: Scoring) -> Tensor:
        """(tokens here, heads * value width), of queries (n, heads, width) and what is kept, (rows, key_value_heads, room, width)
        each."""
        masks = self._masks_of(scoring.reach)
        own = slice(masks.own_from, self.seen)
        keys, values = keys[:, :, own], values[:, :, own]
        if self.rows is not None:
            keys, values = keys[self.rows], values[self.rows]
        known = prefix.behind(masks.known_from) if prefix else None
        mine = self.padded(queries).transpose(1, 2)
        out = masked_attention(mine, keys, values, masks.own, known, scoring, masks.known)
        return self.real(out.transpose(1, 2).flatten(0, 1).flatten(1))

    def padded(self, flat: Tensor) -> Tensor:
        """(n, heads, head_width) -> (rows, width, heads, head_width)."""
        rows = flat if self._padded is None else flat[self._padded]
        return rows.view(self.count, self.width, *flat.shape[1:])

    def real(self, rows: Tensor) -> Tensor:
        """Those of (rows * width, ...) that are no padding."""
        return rows if self._real is None else rows[self._real]

    def _masks_of(self, reach: Reach) -> _Masks:
        if reach not in self._masks:
            begins, device = self.begins, self.places.device
            first = reach.first(begins + self.least)
            own_from, known_from = max(0, first - begins), min(first, begins)
            places = begins + self.places[:, :, None]
            own = reach.hides(places, torch.arange(begins + own_from, begins + self.seen, device=device))
            known = None
            if known_from < begins and not reach.covers(begins + self.seen):
                known = unseen(reach.hides(places, torch.arange(known_from, begins, device=device)))[:, None]
            self._masks[reach] = _Masks(own=unseen(own)[:, None], own_from=own_from, known=known, known_from=known_from)
        return self._masks[reach]


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
        self._depths, self._lengths, self._kin = depths, lengths, sees.to(device)
        self._masks: dict[Reach, _Masks] = {}

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, scoring: Scoring = PLAIN) -> Tensor:
        prefix = self.cache.prefix.layers[layer] if self.cache.prefix else None
        kept_keys, kept_values = self.cache.keys[layer][: self.rows], self.cache.values[layer][: self.rows]
        all_keys = torch.cat((kept_keys[:, :, : self.seen], self._rows(keys)), dim=2)
        all_values = torch.cat((kept_values[:, :, : self.seen], self._rows(values)), dim=2)
        masks = self._masks_of(scoring.reach)
        out = masked_attention(self._rows(queries), all_keys, all_values, masks.own, prefix, scoring, masks.known)
        return out.transpose(1, 2).flatten(0, 1).flatten(1)

    def _masks_of(self, reach: Reach) -> _Masks:
        if reach not in self._masks:
            begins, device = self.cache.prefix_length, self._depths.device
            places = (begins + self._lengths[:, None] + self._depths)[:, :, None]
            kept = torch.arange(self.seen, device=device)
            beyond = (kept >= self._lengths[:, None, None]) | reach.hides(places, begins + kept)
            nodes = ~self._kin | reach.hides(places, places.transpose(1, 2))
            known = None
            if begins and not reach.covers(begins + self.seen + self.nodes):
                known = unseen(reach.hides(places, torch.arange(begins, device=device)))[:, None]
            own = unseen(torch.cat((beyond, nodes), dim=-1))[:, None]
            self._masks[reach] = _Masks(own=own, known=known)
        return self._masks[reach]

    def _rows(self, flat: Tensor) -> Tensor:
        return flat.view(self.rows, self.nodes, *flat.shape[1:]).transpose(1, 2)
