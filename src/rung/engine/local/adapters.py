"""Adapters in memory, known by the digest of their bytes: a folder that was written anew is another adapter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import RLock

from rung.engine.backend import AdapterUse
from rung.engine.local.adapter import load_adapter
from rung.engine.local.decoder import Decoder
from rung.engine.local.low_rank import LowRank, stacked
from rung.engine.local.update import Sum, Update
from rung.engine.local.warm import Warm

# Of adapters, and sums of several, that are kept for whoever asks next.
KEPT_BYTES, KEPT_STACKS = 1 << 30, 16

Key = tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What one row is answered with beside the base: its adapters' digests and weights, sorted, and what each of them adds."""

    key: Key = ()
    parts: tuple[tuple[Update, float], ...] = ()

    @cached_property
    def update(self) -> Update | None:
        """The sum of them all; None for the base alone."""
        return together(self.parts) if self.parts else None

    @cached_property
    def low(self) -> tuple[tuple[str, LowRank, float], ...]:
        """(digest, update, weight) of each adapter, where all of them are of low rank; else nothing."""
        pairs = [(name, update, weight) for (name, _), (update, weight) in zip(self.key, self.parts, strict=True)]
        found = [(name, update, weight) for name, update, weight in pairs if isinstance(update, LowRank)]
        return tuple(found) if len(found) == len(pairs) else ()

    @property
    def is_plain(self) -> bool:
        """Whether it is at most one adapter, in full: its sum is no tensor more."""
        return not self.parts or (len(self.parts) == 1 and self.parts[0][1] == 1.0)


BASE = Stack()


class AdapterCache:
    """The adapters used last, and their sums. Many threads may ask."""

    def __init__(self, decoder: Decoder, kept_bytes: int = KEPT_BYTES) -> None:
        self._decoder = decoder
        self.warm: Warm[Update] = Warm(kept_bytes)
        self._stacks: OrderedDict[Key, Stack] = OrderedDict()
        self._lock = RLock()

    def stack(self, uses: Sequence[AdapterUse]) -> Stack:
        """Raises UserError for an adapter that cannot be applied exactly."""
        if not uses:
            return BASE
        uses = sorted(uses, key=lambda use: (use.digest, use.weight))
        key = tuple((use.digest, use.weight) for use in uses)
        parts = tuple((self.warm.get(use.digest, self._loader(use)), use.weight) for use in uses)
        with self._lock:
            found = self._stacks.get(key)
            # What was read anew meanwhile takes the place of what the sum was made of.
            if found is None or any(old is not new for (old, _), (new, _) in zip(found.parts, parts, strict=True)):
                found = self._stacks[key] = Stack(key=key, parts=parts)
            self._stacks.move_to_end(key)
            if len(self._stacks) > KEPT_STACKS:
                self._stacks.popitem(last=False)
            return found

    def _loader(self, use: AdapterUse) -> Callable[[], Update]:
        def load() -> Update:
            decoder = self._decoder
            return load_adapter(use.folder, decoder.config, decoder.device, decoder.embed).update(decoder.dtype)

        return load


def together(updates: Sequence[tuple[Update, float]]) -> Update:
    """The sum of at least one update, each times its weight; those of low rank stay one product."""
    if len(updates) == 1 and updates[0][1] == 1.0:
        return updates[0][0]
    low = [(update, weight) for update, weight in updates if isinstance(update, LowRank)]
    others = [(update, weight) for update, weight in updates if not isinstance(update, LowRank)]
    if not others:
        return stacked(low)
    return Sum([(stacked(low), 1.0), *others] if low else others)
