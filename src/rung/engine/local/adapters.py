"""Adapters in memory, known by the digest of their bytes: a folder that was written anew is another adapter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch

from rung.engine.backend import AdapterUse
from rung.engine.local.decoder import Decoder, Update
from rung.engine.local.lora import Factors, load_lora

KEPT_ADAPTERS = 8


class AdapterCache:
    """The compute form of the adapters used last."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._kept: OrderedDict[str, Update] = OrderedDict()

    def get(self, uses: Sequence[AdapterUse]) -> tuple[tuple[str, ...], Update | None]:
        """(digests, the sum of the adapters' updates or None). Raises UserError for an adapter that cannot be applied exactly."""
        digests = tuple(use.digest for use in uses)
        updates = [self._one(use.folder, use.digest) for use in uses]
        if len(updates) < 2:
            return digests, updates[0] if updates else None
        return digests, [_stacked(layers) for layers in zip(*updates, strict=True)]

    def _one(self, folder: Path, digest: str) -> Update:
        if digest not in self._kept:
            lora = load_lora(folder, self._decoder.config, self._decoder.device)
            self._kept[digest] = lora.compute_form(self._decoder.dtype)
        self._kept.move_to_end(digest)
        if len(self._kept) > KEPT_ADAPTERS:
            self._kept.popitem(last=False)
        return self._kept[digest]


def _stacked(layers: Sequence[dict[str, Factors]]) -> dict[str, Factors]:
    """Several updates of one layer as one: A stacked, B side by side, which sums them."""
    products = dict.fromkeys(product for layer in layers for product in layer)
    found = {product: [layer[product] for layer in layers if product in layer] for product in products}
    return {
        product: Factors(torch.cat([part.down for part in parts]), torch.cat([part.up for part in parts], dim=1))
        for product, parts in found.items()
    }
