"""Adapters in memory, known by the digest of their bytes: a folder that was written anew is another adapter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rung.engine.backend import AdapterUse
from rung.engine.local.adapter import load_adapter
from rung.engine.local.decoder import Decoder
from rung.engine.local.low_rank import LowRank, stacked
from rung.engine.local.update import Sum, Update

KEPT = 16

Key = tuple[tuple[str, float], ...]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What one row is answered with beside the base: its adapters' digests and weights, and the sum of their updates."""

    key: Key = ()
    update: Update | None = None


BASE = Stack()


class AdapterCache:
    """The adapters used last, and their sums."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._updates: _Kept[Update] = _Kept()
        self._stacks: _Kept[Stack] = _Kept()

    def stack(self, uses: Sequence[AdapterUse]) -> Stack:
        """Raises UserError for an adapter that cannot be applied exactly."""
        key = tuple((use.digest, use.weight) for use in uses)

        def make() -> Stack:
            return Stack(key=key, update=together([(self._one(use), use.weight) for use in uses]))

        return self._stacks.get(key, make) if key else BASE

    def _one(self, use: AdapterUse) -> Update:
        def load() -> Update:
            decoder = self._decoder
            return load_adapter(use.folder, decoder.config, decoder.device, decoder.embed).update(decoder.dtype)

        return self._updates.get(use.digest, load)


class _Kept(Generic[Value]):
    """What was used last, made where it is not there."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        if key not in self._values:
            self._values[key] = make()
        self._values.move_to_end(key)
        if len(self._values) > KEPT:
            self._values.popitem(last=False)
        return self._values[key]


def together(updates: Sequence[tuple[Update, float]]) -> Update:
    """The sum of at least one update, each times its weight; those of low rank stay one product."""
    if len(updates) == 1 and updates[0][1] == 1.0:
        return updates[0][0]
    low = [(update, weight) for update, weight in updates if isinstance(update, LowRank)]
    others = [(update, weight) for update, weight in updates if not isinstance(update, LowRank)]
    if not others:
        return stacked(low)
    return Sum([(stacked(low), 1.0), *others] if low else others)
