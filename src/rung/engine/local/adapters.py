"""Adapters in memory, known by the digest of their bytes: a folder that was written anew is another adapter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch

from rung.engine.backend import AdapterUse
from rung.engine.local.decoder import Decoder
from rung.engine.local.lora import Factors, LowRank, load_lora

KEPT_ADAPTERS = 8


class AdapterCache:
    """The updates of the adapters used last."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._kept: OrderedDict[str, LowRank] = OrderedDict()

    def get(self, uses: Sequence[AdapterUse]) -> tuple[tuple[str, ...], LowRank | None]:
        """(digests, the sum of the adapters' updates or None). Raises UserError for an adapter that cannot be applied exactly."""
        digests = tuple(use.digest for use in uses)
        updates = [self._one(use) for use in uses]
        if len(updates) < 2:
            return digests, updates[0] if updates else None
        return digests, LowRank([_stacked(layers) for layers in zip(*(update.layers for update in updates), strict=True)])

    def _one(self, use: AdapterUse) -> LowRank:
        if use.digest not in self._kept:
            lora = load_lora(use.folder, self._decoder.config, self._decoder.device)
            self._kept[use.digest] = lora.update(self._decoder.dtype)
        self._kept.move_to_end(use.digest)
        if len(self._kept) > KEPT_ADAPTERS:
            self._kept.popitem(last=False)
        return self._kept[use.digest]


def _stacked(layers: Sequence[Mapping[str, Factors]]) -> dict[str, Factors]:
    """Several updates of one layer as one: A stacked, B side by side, which sums them."""
    products = dict.fromkeys(product for layer in layers for product in layer)
    found = {product: [layer[product] for layer in layers if product in layer] for product in products}
    return {
        product: Factors(torch.cat([part.down for part in parts]), torch.cat([part.up for part in parts], dim=1))
        for product, parts in found.items()
    }
