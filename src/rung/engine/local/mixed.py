"""Rows of different adapters in one pass: the base's weights are read once for all, then each token gets its adapters' product.

The low-rank factors of all adapters in the batch lie in one tensor a product, a slot each. What a token is answered with is a
weight for each slot: stacks of several adapters, weighted anew for every row, cost nothing more than their adapters. Tokens that
lie together and are answered alike are multiplied by their own slots alone; the others, one or two of each row, by all slots at
once, and what comes of it is weighted, with nothing for slots that are not theirs (what Punica does by gathering, Chen et al.,
arXiv 2310.18547, in two products over what is there). Updates of another kind are computed over their own tokens, one stack after
another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import torch
from torch import Tensor

from rung.engine.local.adapters import Stack
from rung.engine.local.int8 import Matrix
from rung.engine.local.int8 import product as plain
from rung.engine.local.low_rank import Factors, LowRank
from rung.engine.local.update import Untouched, Update

# Neighbouring tokens of one stack that are worth products of their own.
APART_FROM = 16


class _Slab:
    """One product's factors of all slots: down (ranks, in) and up (ranks, out), `ends` of each slot's rows in them."""

    def __init__(self, factors: Sequence[Factors | None]) -> None:
        some = next(one for one in factors if one)
        self.ranks = tuple(len(one.down) if one else 0 for one in factors)
        self.ends = tuple(accumulate(self.ranks))
        total = self.ends[-1]
        self.down = some.down.new_zeros(total, some.down.shape[1])
        self.up = some.up.new_zeros(total, len(some.up))
        for slot, one in enumerate(factors):
            if one:
                self.put(slot, one)

    def rows(self, slot: int) -> slice:
        return slice(self.ends[slot] - self.ranks[slot], self.ends[slot])

    def takes(self, slot: int, factors: Factors | None) -> bool:
        return self.ranks[slot] == (len(factors.down) if factors else 0)

    def put(self, slot: int, factors: Factors | None) -> None:
        if factors:
            rows = self.rows(slot)
            self.down[rows], self.up[rows] = factors.down, factors.up.T


class Bank:
    """The low-rank adapters of a batch, a slot each."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.slots: list[str] = []
        self._held: list[LowRank] = []
        self._slabs: dict[tuple[int, str], _Slab] = {}

    def hold(self, stacks: Sequence[Stack]) -> None:
        """Give each low-rank adapter a slot, where it has none: that of one of the same ranks that is not among them.

        Where there is no such slot, all are laid out anew.
        """
        wanted = {name: update for stack in stacks for name, update, _ in stack.low}
        missing = [name for name in wanted if name not in self.slots]
        for name in missing:
            slot = next((place for place, held in enumerate(self.slots) if held not in wanted), None)
            if slot is None or not self._replace(slot, name, wanted[name]):
                self._lay_out(wanted)
                return
        # Slots of nobody's are multiplied by all the same.
        if len(self.slots) > 2 * len(wanted) and wanted:
            self._lay_out(wanted)

    def slab(self, layer: int, product: str) -> _Slab | None:
        """None where no adapter adapts the product."""
        return self._slabs.get((layer, product))

    def _replace(self, slot: int, name: str, update: LowRank) -> bool:
        """Whether the slot had the room that this one needs."""
        own = _factors(update)
        if not own.keys() <= self._slabs.keys() or not all(slab.takes(slot, own.get(place)) for place, slab in self._slabs.items()):
            return False
        for place, factors in own.items():
            self._slabs[place].put(slot, factors)
        self.slots[slot], self._held[slot] = name, update
        return True

    def _lay_out(self, wanted: dict[str, LowRank]) -> None:
        self.slots, self._held = list(wanted), list(wanted.values())
        every = [_factors(update) for update in self._held]
        places = dict.fromkeys(place for own in every for place in own)
        self._slabs = {place: _Slab([own.get(place) for own in every]) for place in places}


def _factors(update: LowRank) -> dict[tuple[int, str], Factors]:
    return {(layer, product): factors for layer, products in enumerate(update.layers) for product, factors in products.items()}


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Neighbouring tokens of one stack, and its weight for each of its slots."""

    tokens: slice
    weights: tuple[tuple[int, float], ...]


@dataclass(kw_only=True)
class _Routes:
    """Where the tokens of a pass go: long spans by themselves, the others together.

    few      the others' places, a slice where they are neighbours; None where there are none
    weights  of them, for every slot, (few, slots)
    """

    spans: Sequence[_Span]
    few: slice | Tensor | None
    weights: Tensor

    def __post_init__(self) -> None:
        self._laid: dict[tuple[int, ...], Tensor] = {}

    def laid(self, slab: _Slab) -> Tensor:
        """The few tokens' weights, for every row of a slab's factors, (few, ranks)."""
        if slab.ranks not in self._laid:
            ranks = torch.tensor(slab.ranks, device=self.weights.device)
            self._laid[slab.ranks] = self.weights.repeat_interleave(ranks, dim=1)
        return self._laid[slab.ranks]

    @classmethod
    def of(cls, which: Sequence[int], stacks: Sequence[Stack], bank: Bank, dtype: torch.dtype) -> _Routes:
        """which: the place of each token's stack."""
        slots = [tuple((bank.slots.index(name), weight) for name, _, weight in stack.low) for stack in stacks]
        spans, few, at = list[_Span](), list[int](), 0
        for place, run in groupby(which):
            length = sum(1 for _ in run)
            if slots[place] and length >= APART_FROM:
                spans.append(_Span(tokens=slice(at, at + length), weights=slots[place]))
            elif slots[place]:
                few += range(at, at + length)
            at += length
        weights = torch.zeros(len(stacks), len(bank.slots))
        for place, own in enumerate(slots):
            for slot, weight in own:
                weights[place, slot] += weight
        chosen = weights[[which[token] for token in few]].to(device=bank.device, dtype=dtype)
        return cls(spans=spans, few=_places(few, bank.device), weights=chosen)


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
        slab = self._bank.slab(layer, product)
        if slab:
            self._add(y, x, slab)
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

    def _add(self, y: Tensor, x: Tensor, slab: _Slab) -> None:
        """Each token's low-rank product, in place."""
        routes = self._routes
        if routes is None:
            routes = self._routes = _Routes.of(self._which, self._stacks, self._bank, x.dtype)
        if routes.few is not None:
            few = routes.few
            low = (x[few] @ slab.down.T).mul_(routes.laid(slab))
            if isinstance(few, slice):
                y[few].addmm_(low, slab.up)
            else:
                y.index_add_(0, few, low @ slab.up)
        for span, rows, weight in self._apart(routes, slab):
            y[span].addmm_(x[span] @ slab.down[rows].T, slab.up[rows], alpha=weight)

    def _apart(self, routes: _Routes, slab: _Slab) -> Iterator[tuple[slice, slice, float]]:
        for span in routes.spans:
            for slot, weight in span.weights:
                if slab.ranks[slot]:
                    yield span.tokens, slab.rows(slot), weight
