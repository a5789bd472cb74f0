"""Which adapters a combination comes to, each with its weight, and what must be so for them to be added up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rung.serve.types import Refused, Served

MOST_PARTS, LARGEST = 8, 4.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """A version whose adapters are added, and how often they count."""

    served: Served
    weight: float


def added(served: Served, parts: Sequence[Part]) -> Served:
    """What answers, with the parts' adapters added to its own.

    What all of them begin with (the adapters of a version that they were built on) counts once; what a part adds to that counts its
    weight; a part that is the model itself says how often its own counts. Adapters that count nothing are left out.

    Raises Refused (400) where they cannot be added up.
    """
    _check(served, parts)
    own, others = served.candidate.adapters, [part for part in parts if part.served.ref != served.ref]
    ground = _ground([*([own] if own else []), *(part.served.candidate.adapters for part in others)])
    mine = next((part.weight for part in parts if part.served.ref == served.ref), 1.0)
    weights = dict.fromkeys(ground, 1.0) | dict.fromkeys(own[len(ground) :], mine)
    for part in others:
        for name in part.served.candidate.adapters[len(ground) :]:
            if name in weights:
                said = f"'{part.served.ref}' shares an adapter with another, and nothing says how often that one counts"
                raise _wrong(said, "shared_adapter")
            weights[name] = part.weight
    kept = {name: weight for name, weight in weights.items() if weight}
    candidate = replace(served.candidate, adapters=tuple(kept))
    counted = () if all(weight == 1.0 for weight in kept.values()) else tuple(kept.values())
    refs = tuple(dict.fromkeys([*([served.ref] if own else []), *(part.served.ref for part in parts if part.weight)]))
    return replace(served, candidate=candidate, weights=counted, parts=refs)


def _check(served: Served, parts: Sequence[Part]) -> None:
    if len(parts) > MOST_PARTS:
        raise _wrong(f"{len(parts)} are too many to be added up: {MOST_PARTS} at most", "too_many")
    base = served.candidate.base_reference
    if base.is_linear:
        raise _wrong(f"'{served.ref}' is a linear model: nothing can be added to it", "no_language_model")
    seen: set[str] = set()
    for part in parts:
        one = part.served
        if not math.isfinite(part.weight) or abs(part.weight) > LARGEST:
            raise _wrong(f"the weight of '{one.ref}' is {part.weight!r}: it lies within -{LARGEST:g} and {LARGEST:g}", "weight")
        if one.ref in seen:
            raise _wrong(f"'{one.ref}' is named twice", "named_twice")
        seen.add(one.ref)
        if not one.candidate.adapters:
            raise _wrong(f"'{one.ref}' has no adapter that could be added", "no_adapter")
        theirs = one.candidate.base_reference
        if (theirs.pin or theirs.bare, theirs.weights) != (base.pin or base.bare, base.weights):
            raise _wrong(f"'{one.ref}' is on another base than '{served.ref}'", "other_base")


def _ground(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """What several begin with; nothing of one alone."""
    if len(lists) < 2:
        return ()
    alike = 0
    for names in zip(*lists, strict=False):
        if len(set(names)) > 1:
            break
        alike += 1
    return lists[0][:alike]


def _wrong(said: str, code: str) -> Refused:
    return Refused(400, said, param="adapters", code=code)
