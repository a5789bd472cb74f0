"""Adapters in memory, known by the digest of their bytes: a folder that was written anew is another adapter."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from rung.engine.local.adapter import SETTINGS_FILE, TENSORS_FILE, load_adapter
from rung.engine.local.decoder import Decoder
from rung.engine.local.low_rank import LowRank, stacked
from rung.engine.local.update import Sum, Update
from rung.errors import UserError

KEPT_ADAPTERS = 8


class AdapterCache:
    """The updates of the adapters used last."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._kept: OrderedDict[str, Update] = OrderedDict()

    def get(self, folders: Sequence[Path]) -> tuple[tuple[str, ...], Update | None]:
        """(digests, the sum of the adapters' updates or None). Raises UserError for an adapter that cannot be applied exactly."""
        digests = tuple(adapter_digest(folder) for folder in folders)
        updates = [self._one(folder, digest) for folder, digest in zip(folders, digests, strict=True)]
        return digests, together(updates) if updates else None

    def _one(self, folder: Path, digest: str) -> Update:
        if digest not in self._kept:
            adapter = load_adapter(folder, self._decoder.config, self._decoder.device)
            self._kept[digest] = adapter.update(self._decoder.dtype)
        self._kept.move_to_end(digest)
        if len(self._kept) > KEPT_ADAPTERS:
            self._kept.popitem(last=False)
        return self._kept[digest]


def adapter_digest(folder: Path) -> str:
    """SHA-256 over the adapter's settings and factors. Raises UserError where a file is missing."""
    whole = hashlib.sha256()
    for name in (SETTINGS_FILE, TENSORS_FILE):
        if not (folder / name).is_file():
            raise UserError(f"the adapter has no {name}", where=str(folder), mend="An adapter is a folder in PEFT's format.")
        with open(folder / name, "rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def together(updates: Sequence[Update]) -> Update:
    """At least one update, and the sum of several; those of low rank stay one product."""
    low = [update for update in updates if isinstance(update, LowRank)]
    others = [update for update in updates if not isinstance(update, LowRank)]
    summed = [*([stacked(low)] if len(low) > 1 else low), *others]
    return summed[0] if len(summed) == 1 else Sum(summed)
