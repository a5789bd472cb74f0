"""How tenants stand, asked of the registry at most once a second each: what an operator changes holds within that second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from rung.registry.home import Home
from rung.registry.scopes import Scope
from rung.registry.tenants import TenantRecord

FRESH_S = 1.0
MOST = 10_000
T = TypeVar("T")


class Fresh(Generic[T]):
    """What was found lately, by name; nothing older than a second, and not without bound."""

    def __init__(self, find: Callable[[str], T], clock: Callable[[], float]) -> None:
        self._find, self._clock = find, clock
        self._known: dict[str, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def of(self, name: str) -> T:
        """What is found by a name now, or was within the last second."""
        moment = self._clock()
        with self._lock:
            known = self._known.get(name)
        if known is not None and 0 <= moment - known[0] < FRESH_S:
            return known[1]
        found = self._find(name)
        with self._lock:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[name] = (moment, found)
        return found

    def forget(self) -> None:
        """Finds everything anew."""
        with self._lock:
            self._known.clear()


class Scopes:
    """What tenants may ask for and take."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh = Fresh(home.tenants.find, clock)

    def record(self, tenant: str) -> TenantRecord | None:
        """How a tenant (id) stands; None where it has ended, or there is none."""
        found = self._fresh.of(tenant)
        return found if found is not None and not found.has_ended else None

    def of(self, tenant: str) -> Scope:
        """What a tenant may take; of whoever is no tenant nothing is bounded, for keys let nobody else in."""
        found = self._fresh.of(tenant) if tenant else None
        return found.scope if found is not None else Scope()

    def forget(self) -> None:
        """Asks the registry anew."""
        self._fresh.forget()
