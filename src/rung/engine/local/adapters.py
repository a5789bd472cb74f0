"""Adapters in memory, known by the digest of their bytes: a folder that was written anew is another adapter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from rung.engine.backend import AdapterUse
from rung.engine.local.adapter import load_adapter
from rung.engine.local.decoder import Decoder
from rung.engine.local.low_rank import LowRank, stacked
from rung.engine.local.update import Sum, Update

KEPT_ADAPTERS = 8


class AdapterCache:
    """The updates of the adapters used last."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._kept: OrderedDict[str, Update] = OrderedDict()

    def get(self, uses: Sequence[AdapterUse]) -> tuple[tuple[str, ...], Update | None]:
        """(digests, the sum of the adapters' updates or None). Raises UserError for an adapter that cannot be applied exactly."""
        digests = tuple(use.digest for use in uses)
        updates = [self._one(use) for use in uses]
        return digests, together(updates) if updates else None

    def _one(self, use: AdapterUse) -> Update:
        if use.digest not in self._kept:
            adapter = load_adapter(use.folder, self._decoder.config, self._decoder.device)
            self._kept[use.digest] = adapter.update(self._decoder.dtype)
        self._kept.move_to_end(use.digest)
        if len(self._kept) > KEPT_ADAPTERS:
            self._kept.popitem(last=False)
        return self._kept[use.digest]


def together(updates: Sequence[Update]) -> Update:
    """At least one update, and the sum of several; those of low rank stay one product."""
    low = [update for update in updates if isinstance(update, LowRank)]
    others = [update for update in updates if not isinstance(update, LowRank)]
    summed = [*([stacked(low)] if len(low) > 1 else low), *others]
    return summed[0] if len(summed) == 1 else Sum(summed)
