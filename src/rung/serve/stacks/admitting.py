"""Whether a combination of adapters may answer: where the model's task names it, or a gate has judged just this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.line import Mix, Serving, Share
from rung.serve.stacks.adding import Part
from rung.serve.types import Served
from rung.types import Candidate

if TYPE_CHECKING:
    from rung.registry.home import Home

Find = Callable[[str], Served | None]
CLOSE = 1e-9


def named_by_task(serving: Serving, served: Served, parts: Sequence[Part], find: Find) -> bool:
    """Whether the task lets these be asked for with these weights."""
    return any(_fits(mix, served, parts, find) for mix in serving.mixes)


def covered(home: Home, served: Served) -> str:
    """The version that a receipt was given for and that is this combination, beside the same prompt and all else; "" where none is.

    served  with all that is added
    """
    base, adapters = served.candidate.base, served.adapters
    sums: list[tuple[str, tuple[str, ...]]] = [(ref, (name,)) for ref, name in home.stackings.of(base, adapters)]
    if adapters and not served.weights:
        alike = home.names.on(adapters[0][0])
        sums += [(one.ref, served.candidate.adapters) for one in alike]
    return next((ref for ref, one in sums if _judged(home, ref, replace(served.candidate, adapters=one))), "")


def _fits(mix: Mix, served: Served, parts: Sequence[Part], find: Find) -> bool:
    """Each part has its share, within its weights; a share that nobody asks for must allow for none. What answers itself counts
    once where nothing is said of it, and then needs no share."""
    asked = {part.served.ref: part for part in parts}
    if served.candidate.adapters and served.ref not in asked:
        asked[served.ref] = Part(served=served, weight=1.0)
    left = dict(asked)
    for share in mix.shares:
        mine = next((part for part in left.values() if _means(share, part.served, find)), None)
        weight = mine.weight if mine else 0.0
        if not share.least - CLOSE <= weight <= share.most + CLOSE:
            return False
        if mine:
            del left[mine.served.ref]
    explicit = {part.served.ref for part in parts if part.weight}
    return not any(ref in explicit for ref in left)


def _means(share: Share, served: Served, find: Find) -> bool:
    """Whether a share's name is the version's: the name alone is each of its versions."""
    if "@" not in share.name:
        return bool(served.name) and share.name == served.name
    found = find(share.name)
    return found is not None and found.ref == served.ref


def _judged(home: Home, ref: str, wanted: Candidate) -> bool:
    """Whether the version is this Candidate, and a gate has passed it."""
    version = home.names.find(ref)
    if version is None:
        return False
    candidate = home.candidates.get(version.candidate)
    if _beside(candidate) != _beside(wanted) or set(candidate.adapters) != set(wanted.adapters):
        return False
    receipts = home.receipts.of(version.name, version.version)
    return any(one.holds and one.document.status == "pass" and one.document.candidate == candidate.id for one in receipts)


def _beside(candidate: Candidate) -> Candidate:
    """All that answers but the adapters."""
    return replace(candidate, rung="", parent=None, adapters=())
