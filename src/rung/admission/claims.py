"""From a claim to a version that a task has judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rung.registry.names import Evidence

if TYPE_CHECKING:
    from rung.registry.home import Home


def judged(home: Home, candidate: str, task: str, data: Mapping[str, str]) -> tuple[str, ...]:
    """Registers a Candidate that passed a task (its digest) anew under each name whose newest version is it, and claimed.

    data  split -> Merkle root of its rows, as in Evidence

    Returns the new versions, `name@version`. The claim stays what it was: a version's evidence never changes.
    """
    names = {version.name for version in home.names.of(candidate=candidate) if version.is_claimed}
    newest = filter(None, map(home.names.find, sorted(names)))
    claimed = [version.name for version in newest if version.candidate == candidate and version.is_claimed]
    return tuple(home.names.register(name, candidate, Evidence(task=task, data=data)) for name in claimed)
