"""The story of a name: its versions and what was done with its aliases, in the order in which it came about.

Each table knows its own order, whatever the clock said. Between the two the moments decide, but a version always stands before what
was moved to it, and nothing before what was written down before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

from rung.registry.aliases import Move
from rung.registry.names import Version


@dataclass(frozen=True, kw_only=True)
class Event:
    """A version that was registered (`move` is None), or an alias that was moved to `version` (None: taken away) from `before`.

    `late` says that its moment is earlier than one that was written down before it: the clock had gone back.
    """

    created: str
    late: bool
    version: Version | None
    move: Move | None = None
    before: int | None = None

    @property
    def told(self) -> str:
        """`tone@3 registered`, `champion 2 to 3`, `champion taken from 3`."""
        if self.move is None:
            return f"{self.version.ref if self.version else ''} registered"
        if self.move.version is None:
            return f"{self.move.alias} taken from {self.before}"
        begun = f"{self.before} to " if self.before is not None else "set to "
        return f"{self.move.alias} {begun}{self.move.version}"


def story(versions: Sequence[Version], moves: Sequence[Move]) -> list[Event]:
    """The versions and the moves of one name, each in its order, as one; the newest first."""
    registered = list(_registered(versions))
    since = {event.version.version: moment for moment, event in registered if event.version}
    numbered = {version.version: version for version in versions}
    moved = _moved(moves, since, numbered)
    return [event for _, event in merge(registered, moved, key=lambda entry: entry[0])][::-1]


def _registered(versions: Sequence[Version]) -> Iterator[tuple[str, Event]]:
    latest = ""
    for version in versions:
        late, latest = version.created < latest, max(latest, version.created)
        yield latest, Event(created=version.created, late=late, version=version)


def _moved(moves: Sequence[Move], since: dict[int, str], numbered: dict[int, Version]) -> Iterator[tuple[str, Event]]:
    latest, stood = "", dict[str, int | None]()
    for move in moves:
        latest = max(latest, since.get(move.version, "") if move.version is not None else "")
        late, latest = move.created < latest, max(latest, move.created)
        version = numbered.get(move.version) if move.version is not None else None
        yield latest, Event(created=move.created, late=late, version=version, move=move, before=stood.get(move.alias))
        stood[move.alias] = move.version
