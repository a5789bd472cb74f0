"""What an endpoint made of a body: the questions that it comes to, and how their answers are told."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from rung.engine.caller import Sampling
from rung.serve.door import Delivered
from rung.serve.limits import Limits
from rung.serve.openai.streams import Stream
from rung.serve.types import Asked, Tenant


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who asks, and the session of X-Rung-Session."""

    tenant: Tenant
    session: str = ""


class Telling(Stream, Protocol):
    """An endpoint's shapes, for whole answers and for streams."""

    def whole(self, delivered: Sequence[Delivered]) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question, and the places among the answers at which its answer stands: several where all must be equal."""

    asked: Asked
    sampling: Sampling
    places: tuple[int, ...] = (0,)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a body asks."""

    asks: tuple[Ask, ...]
    telling: Telling
    stream: bool = False


# A body, who sent it, and what may be asked -> what it asks. Raises Refused.
Planner = Callable[[Mapping[str, Any], Who, Limits], Plan]


def asks_of(asked: Asked, sampling: Sampling, n: int, *, seeded: bool) -> tuple[Ask, ...]:
    """`n` answers to one question. Greedy ones are equal, and asked for once; drawn ones each have a seed of their own, which
    follows from the client's where it gave one."""
    if sampling.temperature == 0:
        return (Ask(asked=asked, sampling=sampling, places=tuple(range(n))),)
    first = sampling.seed if seeded else secrets.randbits(48)
    asks = []
    for place in range(n):
        own = asked if place == 0 else replace(asked, id=f"{asked.id}.{place}")
        asks.append(Ask(asked=own, sampling=replace(sampling, seed=first + place), places=(place,)))
    return tuple(asks)
