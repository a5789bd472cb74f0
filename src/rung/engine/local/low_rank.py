"""Updates of low rank: each merged product's y gains (x down^T) up^T. Several of them are one, stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from rung.engine.local.functions import low_rank_linear
from rung.engine.local.matrices import Matrix
from rung.engine.local.update import Untouched


@dataclass(frozen=True)
class Factors:
    """A merged product's update in compute precision: down (rank, in), up (out, rank), any scale folded into up.

    reach  of ranks that lie together: how many, and from which row of `up` up to which they are anything but zero
    """

    down: Tensor
    up: Tensor
    reach: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def diagonal(cls, downs: Sequence[Tensor], ups: Sequence[Tensor], dtype: torch.dtype) -> Factors:
        """Of neighbouring parts of a product: A's on top of each other, B's block-diagonal; a part without ranks has no A."""
        ends = list(accumulate(len(up) for up in ups))
        reach = tuple((up.shape[1], end - len(up), end) for up, end in zip(ups, ends, strict=True) if up.shape[1])
        # A copy even of one alone, which may be cut out of a map of a file.
        down, up = torch.cat(list(downs)), torch.block_diag(*ups) if len(ups) > 1 else ups[0]
        return cls(down.to(dtype), up.to(dtype), reach)

    @property
    def reached(self) -> tuple[tuple[int, int, int], ...]:
        """Every rank's."""
        return self.reach or ((len(self.down), 0, len(self.up)),)

    def times(self, weight: float) -> Factors:
        return replace(self, up=self.up * weight)


class LowRank(Untouched):
    """For each layer, the Factors of each merged product that is adapted."""

    def __init__(self, layers: Sequence[Mapping[str, Factors]]) -> None:
        self.layers = layers

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        if product not in self.layers[layer]:
            return super().linear(layer, product, x, weight, bias)
        factors = self.layers[layer][product]
        return low_rank_linear(x, weight, bias, factors.down, factors.up)


def stacked(updates: Sequence[tuple[LowRank, float]]) -> LowRank:
    """The sum of several updates, each times its weight, as one: down factors on top of each other, up factors side by side."""
    scaled = [[_scaled_layer(layer, weight) for layer in update.layers] for update, weight in updates]
    return LowRank([_stacked_layer(layers) for layers in zip(*scaled, strict=True)])


def _scaled_layer(layer: Mapping[str, Factors], weight: float) -> Mapping[str, Factors]:
    if weight == 1.0:
        return layer
    return {product: factors.times(weight) for product, factors in layer.items()}


def _stacked_layer(layers: Sequence[Mapping[str, Factors]]) -> dict[str, Factors]:
    products = dict.fromkeys(product for layer in layers for product in layer)
    found = {product: [layer[product] for layer in layers if product in layer] for product in products}
    return {product: _together(parts) for product, parts in found.items()}


def _together(parts: Sequence[Factors]) -> Factors:
    down, up = torch.cat([part.down for part in parts]), torch.cat([part.up for part in parts], dim=1)
    return Factors(down, up, tuple(run for part in parts for run in part.reached))
