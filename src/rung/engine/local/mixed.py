"""Rows of different adapters in one pass: the base's weights are read once for all, then each token gets its adapters' product.

The low-rank factors of all adapters in the batch lie in one tensor a product, a slot each. What a token is answered with is a
weight for each slot: stacks of several adapters, weighted anew for every row, cost nothing more than their adapters. Many tokens
that lie together and are answered alike are multiplied by their own slots in products of their own. The others' slots are gathered
in one call for all (Punica, Chen et al., arXiv 2310.18547), where that is compiled; elsewhere these tokens are multiplied by all
slots at once, and what comes of it is weighted, with nothing for slots that are not theirs. Updates of another kind are computed
over their own tokens, one stack after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor

from rung.engine.local.adapters import Stack
from rung.engine.local.bank import Bank, Slab
from rung.engine.local.matrices import Matrix
from rung.engine.local.matrices import product as plain
from rung.engine.local.token_ranks import TokenRanks
from rung.engine.local.update import Untouched, Update

# Neighbouring tokens of one stack that are worth products of their own: where others are gathered, so many; else times slots that
# are not theirs.
APART_FROM, APART_FROM_SLOTS = 128, 512

# A stack's slots, and its weight for each.
Weighted = tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Neighbouring tokens of one stack."""

    tokens: slice
    slots: Weighted


class _Routes:
    """Where the tokens of a pass go: long spans by themselves, the others together.

    few    the others' places, a slice where they are neighbours; None where there are none
    whole  whether these are all tokens of the pass
    """

    def __init__(self, which: Sequence[int], stacks: Sequence[Stack], bank: Bank, dtype: torch.dtype) -> None:
        """which: the place of each token's stack."""
        self._slots = [tuple((bank.slots.index(name), weight) for name, _, weight in stack.low) for stack in stacks]
        self._bank, self._dtype, self._which, self._gathers = bank, dtype, which, bank.gathers
        self.spans, few, at = list[_Span](), list[int](), 0
        # The few tokens again: neighbours of one stack, (first, one behind the last, the stack's place).
        self._runs: list[tuple[int, int, int]] = []
        for place, run in groupby(which):
            length = sum(1 for _ in run)
            if self._goes_apart(length, self._slots[place]):
                self.spans.append(_Span(tokens=slice(at, at + length), slots=self._slots[place]))
            elif self._slots[place]:
                few += range(at, at + length)
                self._runs.append((at, at + length, place))
            at += length
        self._few, self.few, self.whole = few, _places(few, bank.device), len(few) == len(which)
        self._laid: dict[tuple[int, ...], Tensor] = {}
        self._gathered: dict[tuple[int, ...], TokenRanks] = {}

    def laid(self, slab: Slab) -> Tensor:
        """The few tokens' weights, for every row of a slab's factors, (few, ranks)."""
        if slab.ranks not in self._laid:
            ranks = torch.tensor(slab.ranks, device=self._bank.device)
            self._laid[slab.ranks] = self._weights.repeat_interleave(ranks, dim=1)
        return self._laid[slab.ranks]

    def gathered(self, slab: Slab) -> TokenRanks:
        """The few tokens' rows of a slab's factors."""
        if slab.ranks not in self._gathered:
            entries = [
                [(rows.start, rows.stop, weight) for slot, weight in slots if slab.ranks[slot] for rows in (slab.rows(slot),)]
                for slots in self._slots
            ]
            self._gathered[slab.ranks] = TokenRanks([(begin, end, entries[place]) for begin, end, place in self._runs])
        return self._gathered[slab.ranks]

    @cached_property
    def _weights(self) -> Tensor:
        """Of the few tokens, for every slot, (few, slots)."""
        weights = torch.zeros(len(self._slots), len(self._bank.slots))
        for place, own in enumerate(self._slots):
            for slot, weight in own:
                weights[place, slot] += weight
        return weights[[self._which[token] for token in self._few]].to(device=self._bank.device, dtype=self._dtype)

    def _goes_apart(self, length: int, slots: Weighted) -> bool:
        if not slots:
            return False
        return length >= APART_FROM if self._gathers else length * (len(self._bank.slots) - len(slots)) >= APART_FROM_SLOTS


def _places(tokens: Sequence[int], device: torch.device) -> slice | Tensor | None:
    if not tokens:
        return None
    neighbours = tokens[-1] - tokens[0] == len(tokens) - 1
    return slice(tokens[0], tokens[-1] + 1) if neighbours else torch.tensor(tokens, device=device)


class Mixed(Untouched):
    """Each flat token's own update."""

    def __init__(self, stacks: Sequence[Stack], which: Sequence[int], bank: Bank) -> None:
        """which (n,): the place of each token's stack in `stacks`. The bank holds those of low rank."""
        self._stacks, self._which, self._bank = stacks, which, bank
        self._routes: _Routes | None = None
        # What is not of low rank: the update and its tokens.
        self._others: list[tuple[Update, Tensor]] = [
            (stack.update, torch.tensor([at for at, own in enumerate(which) if own == place], device=bank.device))
            for place, stack in enumerate(stacks)
            if stack.parts and not stack.low and stack.update is not None
        ]

    @classmethod
    def over(cls, stacks: Sequence[Stack], sizes: Sequence[int], bank: Bank) -> Mixed:
        """The rows' stacks, and how many neighbouring tokens each row has in the pass."""
        distinct = {stack.key: stack for stack in stacks}
        places = {key: place for place, key in enumerate(distinct)}
        which = [places[stack.key] for stack, size in zip(stacks, sizes, strict=True) for _ in range(size)]
        return cls(list(distinct.values()), which, bank)

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        y = plain(x, weight, bias)
        if slab := self._bank.slab(layer, product):
            y = self._added(y, x, slab)
        for update, tokens in self._others:
            y[tokens] = update.linear(layer, product, x[tokens], weight, bias)
        return y

    def residual(self, layer: int, x: Tensor) -> Tensor:
        for update, tokens in self._others:
            x = x.index_copy(0, tokens, update.residual(layer, x[tokens]))
        return x

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        for update, tokens in self._others:
            new_keys, new_values = update.keys_values(layer, keys[tokens], values[tokens])
            keys, values = keys.index_copy(0, tokens, new_keys), values.index_copy(0, tokens, new_values)
        return keys, values

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor:
        for update, tokens in self._others:
            x = x.index_copy(0, tokens, update.embedding(ids[tokens], x[tokens]))
        return x

    def of(self, tokens: Tensor) -> Update:
        return Mixed(self._stacks, [self._which[token] for token in tokens.tolist()], self._bank)

    def _routed(self, x: Tensor) -> _Routes:
        if self._routes is None:
            self._routes = _Routes(self._which, self._stacks, self._bank, x.dtype)
        return self._routes

    def _added(self, y: Tensor, x: Tensor, slab: Slab) -> Tensor:
        """Each token's low-rank product on top; y may change."""
        routes = self._routed(x)
        if slab.gathered:
            if (tokens := routes.gathered(slab)).runs:
                y = y.contiguous()
                slab.gathered.add(y, x, tokens)
        elif routes.whole:
            return slab.add(y, x, routes.laid(slab))
        elif (few := routes.few) is not None:
            y[few] = slab.add(y[few], x[few], routes.laid(slab))
        for span, rows, weight in self._apart(routes, slab):
            y[span].addmm_(x[span] @ slab.down[rows].T, slab.up[rows], alpha=weight)
        return y

    def _apart(self, routes: _Routes, slab: Slab) -> Iterator[tuple[slice, slice, float]]:
        for span in routes.spans:
            for slot, weight in span.slots:
                if slab.ranks[slot]:
                    yield span.tokens, slab.rows(slot), weight
