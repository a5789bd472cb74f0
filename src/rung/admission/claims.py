"""From a claim to a version that a task has judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.registry.names import Evidence

if TYPE_CHECKING:
    from rung.registry.home import Home


def judged(home: Home, candidate: str, task: str) -> tuple[str, ...]:
    """Registers a Candidate that passed a task (its digest) anew under each name whose newest version is it, and claimed.

    Returns the new versions, `name@version`. The claim stays what it was: a version's evidence never changes.
    """
    newest = {version.name: version for version in home.names.all()}
    claimed = [version.name for version in newest.values() if version.candidate == candidate and version.is_claimed]
    return tuple(home.names.register(name, candidate, Evidence(task=task)) for name in claimed)
