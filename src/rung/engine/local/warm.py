"""What was used last stays in memory, up to so many bytes; the rest is made anew when it is asked for."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from threading import Lock, RLock
from typing import Any, Generic, TypeVar

from torch import Tensor

# Of how many that were made it is told what that took.
TOLD = 256

Value = TypeVar("Value")


class Warm(Generic[Value]):
    """Values by their names, bounded by the bytes of their tensors; the one used last stays whatever it takes.

    Many threads may ask: what two of them want is made once, and who wants what is there does not wait for it.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = self.hits = self.misses = self.evictions = 0
        self.made_s: deque[float] = deque(maxlen=TOLD)
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock, self._making = RLock(), Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._values

    def get(self, name: Hashable, make: Callable[[], Value]) -> Value:
        """Raises whatever `make` raises; nothing is kept then."""
        found = self._find(name)
        if found is not None:
            return found[0]
        with self._making:
            found = self._find(name)
            if found is not None:
                return found[0]
            began = time.perf_counter()
            value = make()
            self._put(name, value, time.perf_counter() - began)
            return value

    def _find(self, name: Hashable) -> tuple[Value, int] | None:
        with self._lock:
            found = self._values.get(name)
            if found is not None:
                self._values.move_to_end(name)
                self.hits += 1
            return found

    def _put(self, name: Hashable, value: Value, seconds: float) -> None:
        size = held_bytes(value)
        with self._lock:
            self.misses += 1
            self.made_s.append(seconds)
            self._values[name] = (value, size)
            self.bytes += size
            while self.bytes > self.most_bytes and len(self._values) > 1:
                _, (_, freed) = self._values.popitem(last=False)
                self.bytes -= freed
                self.evictions += 1


def held_bytes(value: Any) -> int:
    """Of all tensors that are reached from a value's own parts, memory that they share counted once."""
    sizes: dict[int, int] = {}
    seen: set[int] = set()
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, Tensor):
            storage = part.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        elif not isinstance(part, str | int | float) and id(part) not in seen:
            seen.add(id(part))
            left += _parts(part)
    return sum(sizes.values())


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    return () if callable(value) else getattr(value, "__dict__", {}).values()
