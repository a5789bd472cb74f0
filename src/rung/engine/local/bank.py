"""The low-rank adapters that a batch is answered with, side by side in one tensor a product: a slot each.

Each token's own are gathered by one call, where that is compiled (see `gathered.py`). Elsewhere a call of a kernel takes about as
long as a small product, so that eight adapters cost most by being called for: all are multiplied by, in two calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from rung.engine.local.adapters import Stack
from rung.engine.local.gathered import gathered
from rung.engine.local.low_rank import Factors, LowRank
from rung.engine.local.matrices import Matrix
from rung.engine.local.matrices import product as plain
from rung.engine.local.packed import PackedMatrix, pays

# Passes with many slots of nobody's after which all are laid out anew.
WASTEFUL_FOR = 64


class Slab:
    """One product's factors of all slots: down (ranks, in) and up (ranks, out), `ends` of each slot's rows in them."""

    def __init__(self, factors: Sequence[Factors | None]) -> None:
        some = next(one for one in factors if one)
        self.ranks = tuple(len(one.down) if one else 0 for one in factors)
        self.ends = tuple(accumulate(self.ranks))
        total = self.ends[-1]
        self.down = some.down.new_zeros(total, some.down.shape[1])
        self.up = some.up.new_zeros(total, len(some.up))
        self.gathered = gathered(self.down, self.up)
        self._packed: tuple[Matrix, Matrix] | None = None
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
            self._packed = None
            if self.gathered:
                self.gathered.reach(rows.start, factors.reached)

    @property
    def factors(self) -> tuple[Matrix, Matrix]:
        """down (ranks, in) and up (out, ranks), packed where that pays."""
        if self._packed is None:
            self._packed = _packed(self.down), _packed(self.up.T)
        return self._packed

    def add(self, y: Tensor, x: Tensor, weights: Tensor) -> Tensor:
        """y + (x down^T * weights) up, of all slots. y (n, out), x (n, in), weights (n, ranks)."""
        down, up = self.factors
        low = down.weighted(x, weights) if isinstance(down, PackedMatrix) else plain(x, down).mul_(weights)
        return up.added(low, y) if isinstance(up, PackedMatrix) else torch.addmm(y, low, self.up)


def _packed(factor: Tensor) -> Matrix:
    return PackedMatrix.of(factor) if pays(factor) else factor


class Bank:
    """The low-rank adapters of a batch, a slot each."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.slots: list[str] = []
        self._held: list[LowRank] = []
        self._slabs: dict[tuple[int, str], Slab] = {}
        # Passes since there were few slots of nobody's.
        self._wasteful = 0

    def hold(self, stacks: Sequence[Stack]) -> None:
        """Give each low-rank adapter a slot, where it has none: that of one of the same ranks that is not among them.

        Where there is no such slot, all are laid out anew. Asked once before each pass.
        """
        wanted = {name: update for stack in stacks for name, update, _ in stack.low}
        missing = [name for name in wanted if name not in self.slots]
        for name in missing:
            slot = next((place for place, held in enumerate(self.slots) if held not in wanted), None)
            if slot is None or not self._replace(slot, name, wanted[name]):
                self._lay_out(wanted)
                return
        # Slots of nobody's take memory, and are multiplied by where nothing is gathered.
        self._wasteful = self._wasteful + 1 if len(self.slots) > 2 * len(wanted) else 0
        if self._wasteful > WASTEFUL_FOR and wanted:
            self._lay_out(wanted)

    @property
    def gathers(self) -> bool:
        """Whether each token's own are gathered."""
        return any(slab.gathered for slab in self._slabs.values())

    def slab(self, layer: int, product: str) -> Slab | None:
        """None where no adapter adapts the product."""
        return self._slabs.get((layer, product))

    def _replace(self, slot: int, name: str, update: LowRank) -> bool:
        """Whether the slot had the room that this one needs."""
        own = _factors(update)
        if not own.keys() <= self._slabs.keys() or not all(slab.takes(slot, own.get(place)) for place, slab in self._slabs.items()):
            return False
        for place, factors in own.items():
            self._slabs[place].put(slot, factors)
        self._wasteful = 0
        self.slots[slot], self._held[slot] = name, update
        return True

    def _lay_out(self, wanted: dict[str, LowRank]) -> None:
        self.slots, self._held = list(wanted), list(wanted.values())
        every = [_factors(update) for update in self._held]
        places = dict.fromkeys(place for own in every for place in own)
        self._slabs = {place: Slab([own.get(place) for own in every]) for place in places}
        self._wasteful = 0


def _factors(update: LowRank) -> dict[tuple[int, str], Factors]:
    return {(layer, product): factors for layer, products in enumerate(update.layers) for product, factors in products.items()}
