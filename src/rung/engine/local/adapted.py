"""What an adapter may do to linear modules beside a low-rank update, as one Update; in float32 until the pass's own precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.functions import low_rank_linear
from rung.engine.local.low_rank import Factors, LowRank
from rung.engine.local.matrices import Matrix, state_of
from rung.engine.local.matrices import product as plain
from rung.engine.local.shape import Module, Shape
from rung.engine.local.update import Untouched, Update

# (weight (out, in) float32, rank, scale) -> down (rank, in), up (out, rank), the scale not folded in.
Decomposition = Callable[[Tensor, int, float], Factors]


@dataclass(frozen=True, kw_only=True)
class ModuleEffect:
    """What an adapter does to one linear module: y = x (W + up down)^T + bias, in float32, and beside it what is not None.

    down, up        (rank, in), (out, rank); any scale is folded into up
    shift           (out,) added to the module's output
    magnitude       (out,) the lengths that the rows of W + up down are brought to (DoRA: Liu et al., arXiv 2402.09353)
    begun_from      training began from this decomposition of W, whose product was taken out of W: it is taken out here too
    scale           of `begun_from`
    weight, bias    in place of the module's own
    """

    down: Tensor | None = None
    up: Tensor | None = None
    shift: Tensor | None = None
    magnitude: Tensor | None = None
    begun_from: Decomposition | None = None
    scale: float = 1.0
    weight: Tensor | None = None
    bias: Tensor | None = None

    def of_weight(self, weight: Tensor) -> Tensor:
        """W as the effect makes it, float32. Neither its shift nor its bias is in that."""
        adapted = weight.float() if self.weight is None else self.weight
        if self.down is None or self.up is None:
            return adapted
        adapted = adapted + self.up @ self.down
        if self.begun_from:
            first = self.begun_from(weight.float(), len(self.down), self.scale)
            adapted = adapted - self.scale * (first.up @ first.down)
        if self.magnitude is None:
            return adapted
        lengths: Tensor = self.magnitude / torch.linalg.norm(adapted, dim=1)
        return adapted * lengths[:, None]

    @property
    def is_null(self) -> bool:
        """Whether its low-rank part adds nothing: no part of its rank has numbers in both factors."""
        if self.up is None or self.down is None:
            return True
        return not bool((self.up.any(dim=0) & self.down.any(dim=1)).any())

    @property
    def is_low_rank(self) -> bool:
        """Whether it is nothing else."""
        return all(part is None for part in (self.shift, self.magnitude, self.begun_from, self.weight, self.bias))


def update_of(effects: Mapping[str, ModuleEffect], shape: Shape, dtype: torch.dtype) -> Update:
    """The Update of all modules' effects, by their paths; of low rank where all of them are."""
    layers = [
        {
            product: _Product([(module, effects.get(module.path)) for module in modules], dtype)
            for product, modules in products.items()
            if any(module.path in effects for module in modules)
        }
        for products in shape.products
    ]
    if all(effect.is_low_rank for effect in effects.values()):
        return LowRank([{name: product.factors for name, product in layer.items() if product.factors} for layer in layers])
    return Adapted(layers)


class Adapted(Untouched):
    """For each layer, what is done to each of its products that is adapted."""

    def __init__(self, layers: Sequence[Mapping[str, _Product]]) -> None:
        self._layers = layers

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        if product not in self._layers[layer]:
            return super().linear(layer, product, x, weight, bias)
        return self._layers[layer][product].linear(x, weight, bias)


class _Product:
    """The modules whose outputs lie side by side in a product, each with its effect, or with none."""

    def __init__(self, modules: Sequence[tuple[Module, ModuleEffect | None]], dtype: torch.dtype) -> None:
        self._parts: list[tuple[slice, ModuleEffect]] = []
        start = 0
        for module, effect in modules:
            if effect:
                self._parts.append((slice(start, start + module.width_out), effect))
            start += module.width_out
        self._width, self._dtype = start, dtype
        self.factors = self._merged()
        self._shift = self._laid([(place, effect.shift) for place, effect in self._parts])
        self._own = [(place, effect) for place, effect in self._parts if effect.weight is not None or effect.bias is not None]
        # Of the weight that was seen last: what follows from it, which is the same until training changes it.
        self._seen: tuple[int, int] | None = None
        self._of_weight: tuple[Factors | None, Tensor | None] = (None, None)

    def linear(self, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        """(n, out)"""
        factors, lengths = self._derived(weight)
        if lengths is None:
            y = low_rank_linear(x, weight, bias, factors.down, factors.up) if factors else plain(x, weight, bias)
        else:
            y = plain(x, weight) if factors is None else low_rank_linear(x, weight, None, factors.down, factors.up)
            y = y * lengths if bias is None else y * lengths + bias
        if self._shift is not None:
            y = y + self._shift
        return self._replaced(y, x, weight, bias) if self._own else y

    def _replaced(self, y: Tensor, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        parts, start = [], 0
        for place, effect in self._own:
            old = bias[place] if bias is not None else None
            new = old if effect.bias is None else effect.bias.to(x)
            if effect.weight is not None:
                part = F.linear(x, effect.weight.to(x), new)
            else:
                assert new is not None
                part = y[:, place] + (new if old is None else new - old)
            parts += [y[:, start : place.start], part]
            start = place.stop
        return torch.cat([*parts, y[:, start:]], dim=1)

    def _merged(self, taken: Mapping[int, Factors] | None = None) -> Factors | None:
        """A's on top of each other, B's block-diagonal; `taken`: by a part's first row, a product that is taken out."""
        downs, ups, rows = [], [], 0
        for place, effect in self._parts:
            if effect.down is None or effect.up is None:
                continue
            down, up = effect.down, effect.up
            if taken and (other := taken.get(place.start)):
                down, up = torch.cat((down, other.down)), torch.cat((up, -other.up), dim=1)
            ups += [up.new_zeros(place.start - rows, 0)] if place.start > rows else []
            downs.append(down)
            ups.append(up)
            rows = place.stop
        if not downs:
            return None
        ups += [ups[0].new_zeros(self._width - rows, 0)] if rows < self._width else []
        return Factors.diagonal(downs, ups, self._dtype)

    def _laid(self, parts: Sequence[tuple[slice, Tensor | None]]) -> Tensor | None:
        if all(part is None for _, part in parts):
            return None
        laid = torch.zeros(self._width, device=next(part.device for _, part in parts if part is not None))
        for place, part in parts:
            if part is not None:
                laid[place] = part
        return laid.to(self._dtype)

    def _derived(self, weight: Matrix) -> tuple[Factors | None, Tensor | None]:
        """(factors, what each output is multiplied by), which depend on the base's weight where it says so."""
        if all(effect.magnitude is None and effect.begun_from is None for _, effect in self._parts):
            return self.factors, None
        seen = state_of(weight)
        if self._seen != seen:
            with torch.no_grad():
                self._of_weight = self._from(weight)
            self._seen = seen
        return self._of_weight

    def _from(self, weight: Matrix) -> tuple[Factors | None, Tensor | None]:
        taken: dict[int, Factors] = {}
        for place, effect in self._parts:
            if effect.begun_from and effect.down is not None:
                first = effect.begun_from(weight[place].float(), len(effect.down), effect.scale)
                taken[place.start] = Factors(first.down, first.up * effect.scale)
        factors = self._merged(taken) if taken else self.factors
        if all(effect.magnitude is None for _, effect in self._parts):
            return factors, None
        lengths = torch.ones(self._width, device=weight.device)
        for place, effect in self._parts:
            if effect.magnitude is not None and effect.down is not None and effect.up is not None:
                adapted = weight[place].float() + effect.up @ effect.down
                if begun := taken.get(place.start):
                    adapted = adapted - begun.up @ begun.down
                lengths[place] = effect.magnitude / torch.linalg.norm(adapted, dim=1)
        return factors, lengths.to(self._dtype)
