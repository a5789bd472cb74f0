"""Who waits for a place, tenant by tenant: whoever was served least comes first, so that a flood delays nobody but itself.

Each tenant's tokens are counted, and one that comes, or comes again, begins where the least served of those that are there stands:
what was not used is not saved up (Sheng et al., Fairness in Serving Large Language Models, arXiv 2401.00588).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from rung.engine.caller import Full

# A token that is made costs a step of its own, one that is read shares its pass with many.
MADE_COSTS = 4.0


class Waits(Protocol):
    """Whose it is."""

    @property
    def tenant(self) -> str: ...


One = TypeVar("One", bound=Waits)


class Line(Generic[One]):
    """Those that wait, and what every tenant that is here was served."""

    def __init__(self, waiting: int, waiting_each: int) -> None:
        """Of all tenants together, and of each, so many may wait."""
        self._most, self._most_each = waiting, waiting_each
        self._lines: dict[str, deque[One]] = {}
        self._served: dict[str, float] = {}
        self._under: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __iter__(self) -> Iterator[One]:
        return (one for line in self._lines.values() for one in line)

    def add(self, those: Sequence[One], retry_after_s: float) -> None:
        """All of them or none. Raises Full."""
        for tenant in dict.fromkeys(one.tenant for one in those):
            own = sum(one.tenant == tenant for one in those)
            waiting = len(self._lines.get(tenant, ()))
            if waiting + own > self._most_each or len(self) + len(those) > self._most:
                whose = "of yours " if waiting + own > self._most_each else ""
                problem = f"so many questions {whose}wait already that no more are taken"
                raise Full(problem, retry_after_s=retry_after_s)
        for one in those:
            self._come(one.tenant)
            self._lines.setdefault(one.tenant, deque()).append(one)

    def next(self, may: Callable[[One], bool]) -> One | None:
        """The first of the tenant that was served least, or has fewer places, among those whose first may join; it has one then."""
        for tenant in sorted(self._lines, key=lambda name: (self._served[name], self.places(name))):
            line = self._lines[tenant]
            if may(line[0]):
                one = line.popleft()
                self._under[tenant] = self._under.get(tenant, 0) + 1
                self._tidy(tenant)
                return one
        return None

    def remove(self, which: Callable[[One], bool]) -> list[One]:
        """Those wait no more."""
        gone = [one for one in self if which(one)]
        for one in gone:
            self._lines[one.tenant].remove(one)
            self._tidy(one.tenant)
        return gone

    def served_least(self, tenants: Iterable[str]) -> str | None:
        """Whose turn it is among these."""
        return min(tenants, key=lambda tenant: self._served.get(tenant, 0.0), default=None)

    def places(self, tenant: str) -> int:
        """How many of a tenant's have a place."""
        return self._under.get(tenant, 0)

    def serve(self, tenant: str, *, read: int = 0, made: int = 0) -> None:
        """Count tokens that were computed for a tenant with a place."""
        if tenant in self._served:
            self._served[tenant] += read + MADE_COSTS * made

    def leave(self, tenant: str) -> None:
        """One of a tenant's gives its place back."""
        self._under[tenant] -= 1
        self._tidy(tenant)

    def _come(self, tenant: str) -> None:
        if tenant not in self._served:
            self._served[tenant] = min(self._served.values(), default=0.0)

    def _tidy(self, tenant: str) -> None:
        """Nothing is remembered of who is not here."""
        if not self._lines.get(tenant, True):
            del self._lines[tenant]
        if not self._under.get(tenant, 1):
            del self._under[tenant]
        if tenant not in self._lines and tenant not in self._under:
            self._served.pop(tenant, None)


def shares(unread: Sequence[tuple[str, int, int]], tokens: int, first: str | None = None) -> dict[int, int]:
    """How many tokens of each prompt a pass reads: about `tokens` in all, the same for each tenant as far as it has them.

    unread  (tenant, number, unread tokens) of each row, in the order in which they came
    first   the tenant that was served least: what it has is read whole, where that is a quarter more than a pass at most

    Of one tenant's prompts the shortest goes first, so that it waits for none of the others; the oldest has a quarter in any case.
    """
    of: dict[str, list[tuple[int, int]]] = {}
    for tenant, number, left in unread:
        of.setdefault(tenant, []).append((number, left))
    totals = {tenant: sum(left for _, left in rows) for tenant, rows in of.items()}
    found: dict[int, int] = {}
    room = tokens
    if first in of and totals[first] <= tokens + tokens // 4:
        found |= dict(of.pop(first))
        room = max(0, room - totals[first])
    for place, tenant in enumerate(sorted(of, key=lambda name: totals[name])):
        share = min(totals[tenant], max(1, room // (len(of) - place))) if room else 0
        room -= share
        found |= _within(of[tenant], share)
    return found


def _within(rows: Sequence[tuple[int, int]], share: int) -> dict[int, int]:
    number, left = rows[0]
    found = {number: min(left, share // 4)}
    room = share - found[number]
    for other, unread in sorted(rows, key=lambda row: row[1]):
        more = min(unread - found.get(other, 0), room)
        found[other] = found.get(other, 0) + more
        room -= more
    return found
