"""Rows of different adapters in one pass: the base's weights are read once for all, then each token gets its own adapters' product.

The low-rank factors of all stacks lie in one tensor a product, a slot each, so that tokens sorted by slot need two products for
all of them (Chen et al., Punica, arXiv 2310.18547). Tokens of the base alone take no part. Updates of another kind are computed
over their own tokens, one stack after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rung.engine.local.adapters import Key, Stack
from rung.engine.local.int8 import Matrix
from rung.engine.local.int8 import product as plain
from rung.engine.local.low_rank import Factors, LowRank
from rung.engine.local.update import Untouched, Update

# Slots padded to the one of the most tokens are quick, up to this many times the tokens that are there.
PADDED_AT_MOST = 2.0


class Bank:
    """The low-rank stacks of a batch, a slot each: down (slots, rank, in) and up (slots, out, rank), zeros beyond a rank."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.slots: list[Key] = []
        self._factors: dict[tuple[int, str], Factors] = {}

    def hold(self, stacks: Sequence[Stack]) -> None:
        """Give each low-rank one a slot, where it has none: that of one that is not among them, or a new one."""
        wanted = {stack.key: stack.update for stack in stacks if isinstance(stack.update, LowRank)}
        for key, update in wanted.items():
            if key in self.slots:
                continue
            slot = next((place for place, held in enumerate(self.slots) if held not in wanted), len(self.slots))
            self.slots[slot : slot + 1] = [key]
            self._put(slot, update)

    def factors(self, layer: int, product: str) -> Factors | None:
        """None where no stack adapts the product."""
        return self._factors.get((layer, product))

    def _put(self, slot: int, update: LowRank) -> None:
        """A stack's factors into its slot, of every product that any stack adapts."""
        own = {(layer, product): factors for layer, products in enumerate(update.layers) for product, factors in products.items()}
        for place in self._factors.keys() | own.keys():
            factors = own.get(place)
            held = self._factors[place] = _with_room(self._factors.get(place), factors, slot)
            held.down[slot], held.up[slot] = 0.0, 0.0
            if factors:
                rank = len(factors.down)
                held.down[slot, :rank], held.up[slot, :, :rank] = factors.down, factors.up


def _with_room(held: Factors | None, factors: Factors | None, slot: int) -> Factors:
    """The same slots, with room for these factors in this one; twice as many where they do not suffice. At least one is given."""
    like = factors or held
    assert like is not None
    slots, rank = (len(held.down), held.down.shape[1]) if held else (0, 0)
    needed = len(factors.down) if factors else 0
    if held and slot < slots and needed <= rank:
        return held
    room, most = max(2 * slots, slot + 1) if slot >= slots else slots, max(rank, needed)
    larger = Factors(like.down.new_zeros(room, most, like.down.shape[-1]), like.up.new_zeros(room, like.up.shape[-2], most))
    if held:
        larger.down[:slots, :rank], larger.up[:slots, :, :rank] = held.down, held.up
    return larger


@dataclass(frozen=True, kw_only=True)
class _Routes:
    """Where the adapted tokens of a pass go.

    tokens  those with a slot, sorted by it
    groups  of each slot that is in use, its tokens
    table   (slots, most): the tokens of each slot, padded; None where that would pad too much
    real    of the table's places, flat, which are no padding; None where all are
    """

    tokens: Tensor
    groups: Sequence[tuple[int, Tensor]]
    table: Tensor | None
    real: Tensor | None

    @classmethod
    def of(cls, slots: Tensor, held: int) -> _Routes:
        """slots (n,) of each token, -1 for none, out of `held`."""
        counts = torch.bincount(slots[slots >= 0], minlength=held)
        tokens = slots.argsort(stable=True)[len(slots) - int(counts.sum()) :]
        groups = [(slot, own) for slot, own in enumerate(tokens.split(counts.tolist())) if len(own)]
        most = int(counts.max()) if len(tokens) else 0
        if held * most > PADDED_AT_MOST * len(tokens):
            return cls(tokens=tokens, groups=groups, table=None, real=None)
        offsets = torch.arange(most, device=slots.device)
        inside = offsets < counts[:, None]
        starts = (counts.cumsum(0) - counts)[:, None]
        table = tokens[(starts + offsets).clamp_(max=len(tokens) - 1)] if len(tokens) else None
        return cls(tokens=tokens, groups=groups, table=table, real=None if bool(inside.all()) else inside.flatten())


class Mixed(Untouched):
    """Each flat token's own update."""

    def __init__(self, stacks: Sequence[Stack], which: Tensor, bank: Bank) -> None:
        """which (n,): the place of each token's stack in `stacks`. The bank holds those of low rank."""
        self._stacks, self._which, self._bank = stacks, which, bank
        slots = [bank.slots.index(stack.key) if isinstance(stack.update, LowRank) else -1 for stack in stacks]
        self._routes = _Routes.of(torch.tensor(slots, device=which.device)[which], len(bank.slots))
        # What is not of low rank: the update and its tokens.
        self._others: list[tuple[Update, Tensor]] = [
            (stack.update, (which == place).nonzero().squeeze(1))
            for place, stack in enumerate(stacks)
            if stack.update is not None and slots[place] < 0
        ]

    @classmethod
    def over(cls, stacks: Sequence[Stack], sizes: Sequence[int], bank: Bank) -> Mixed:
        """The rows' stacks, and how many neighbouring tokens each row has in the pass."""
        distinct = {stack.key: stack for stack in stacks}
        places = {key: place for place, key in enumerate(distinct)}
        rows = torch.tensor([places[stack.key] for stack in stacks], device=bank.device)
        return cls(list(distinct.values()), rows.repeat_interleave(torch.tensor(sizes, device=bank.device)), bank)

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        y = plain(x, weight, bias)
        factors = self._bank.factors(layer, product)
        if factors and len(self._routes.tokens):
            self._add(y, x, factors)
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
        return Mixed(self._stacks, self._which[tokens], self._bank)

    def _add(self, y: Tensor, x: Tensor, factors: Factors) -> None:
        """Each token's low-rank product, in place."""
        routes, slots = self._routes, len(self._bank.slots)
        if routes.table is None:
            for slot, tokens in routes.groups:
                y.index_add_(0, tokens, (x[tokens] @ factors.down[slot].T) @ factors.up[slot].T)
            return
        low = torch.bmm(x[routes.table], factors.down[:slots].transpose(1, 2))
        added = torch.bmm(low, factors.up[:slots].transpose(1, 2)).flatten(0, 1)
        y.index_add_(0, routes.tokens, added if routes.real is None else added[routes.real])
