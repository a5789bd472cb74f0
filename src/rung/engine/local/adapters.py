"""Adapters in memory, known by the digest of their bytes: a folder that was written anew is another adapter."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from rung.engine.local.decoder import Decoder
from rung.engine.local.lora import Factors, LowRank, load_lora
from rung.errors import UserError

KEPT_ADAPTERS = 8
_FILES = ("adapter_config.json", "adapter_model.safetensors")


class AdapterCache:
    """The updates of the adapters used last."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._kept: OrderedDict[str, LowRank] = OrderedDict()

    def get(self, folders: Sequence[Path]) -> tuple[tuple[str, ...], LowRank | None]:
        """(digests, the sum of the adapters' updates or None). Raises UserError for an adapter that cannot be applied exactly."""
        digests = tuple(adapter_digest(folder) for folder in folders)
        updates = [self._one(folder, digest) for folder, digest in zip(folders, digests, strict=True)]
        if len(updates) < 2:
            return digests, updates[0] if updates else None
        return digests, LowRank([_stacked(layers) for layers in zip(*(update.layers for update in updates), strict=True)])

    def _one(self, folder: Path, digest: str) -> LowRank:
        if digest not in self._kept:
            lora = load_lora(folder, self._decoder.config, self._decoder.device)
            self._kept[digest] = lora.update(self._decoder.dtype)
        self._kept.move_to_end(digest)
        if len(self._kept) > KEPT_ADAPTERS:
            self._kept.popitem(last=False)
        return self._kept[digest]


def adapter_digest(folder: Path) -> str:
    """SHA-256 over the adapter's settings and factors. Raises UserError where a file is missing."""
    whole = hashlib.sha256()
    for name in _FILES:
        if not (folder / name).is_file():
            raise UserError(f"the adapter has no {name}", where=str(folder), mend="An adapter is a folder in PEFT's format.")
        with open(folder / name, "rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _stacked(layers: Sequence[Mapping[str, Factors]]) -> dict[str, Factors]:
    """Several updates of one layer as one: A stacked, B side by side, which sums them."""
    products = dict.fromkeys(product for layer in layers for product in layer)
    found = {product: [layer[product] for layer in layers if product in layer] for product in products}
    return {
        product: Factors(torch.cat([part.down for part in parts]), torch.cat([part.up for part in parts], dim=1))
        for product, parts in found.items()
    }
