"""Whether a home is whole: what its versions need is there, what is there is what its digest says, and nothing is in the way."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import RungError
from rung.registry.remote import RemoteStore

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.types import Progress, Stage


@dataclass(frozen=True, kw_only=True)
class Health:
    """What was found of a home.

    faults   what is broken, each with what it breaks
    remarks  what is worth knowing
    named    blobs that the history names; `needed` of them are for ever, `unnamed` lie in the store and are named by nothing
    hashed   how many were hashed again
    """

    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    named: int
    needed: int
    unnamed: int
    unnamed_bytes: int
    hashed: int

    @property
    def whole(self) -> bool:
        """Whether nothing is broken."""
        return not self.faults


def health(home: Home, progress: Progress, *, deep: bool = False) -> Health:
    """Looks whether everything is there; `deep` hashes every blob again, wherever it lies, and has the database check itself."""
    with progress.stage("Blobs"):
        stored = {entry.digest: entry for entry in home.blobs.entries()}
        needed, named, cleared = home.reach.needed(), home.reach.named(), home.cleared.when()
    inside = {name for names in (home.blobs.in_pieces() if deep else {}).values() for name in names}
    missing = [digest for digest in needed if digest not in stored]
    faults = [f"the blob {digest[:12]} is missing, of {needed[digest]}" for digest in missing]
    lost = [digest for digest in named if digest not in stored and digest not in needed and digest not in cleared]
    held = home.reach.held("9") if stored else set()
    unnamed = [entry for digest, entry in stored.items() if digest not in needed | named and digest not in held | inside]
    if isinstance(home.blobs, RemoteStore) and not deep:
        unnamed = []  # a folder's files lie beside it, and which they are stands in lists that are not read
    faults += _keys(home)
    if deep:
        with progress.stage("The registry"):
            faults += home.registry_faults()
        with progress.stage("Hashing blobs", len(stored)) as stage:
            faults += list(_changed(home, [*stored], needed, stage))
    return Health(
        faults=tuple(faults),
        remarks=tuple(_remarks(home, lost)),
        named=len(named),
        needed=len(needed),
        unnamed=len(unnamed),
        unnamed_bytes=sum(entry.size for entry in unnamed),
        hashed=len(stored) if deep else 0,
    )


def _changed(home: Home, digests: list[str], needed: dict[str, str], stage: Stage) -> Iterator[str]:
    for digest in digests:
        whose = f", of {needed[digest]}" if digest in needed else ""
        try:
            if not home.blobs.is_intact(digest):
                yield f"the blob {digest[:12]} was changed{whose}"
        except RungError as error:
            yield f"{error.problem}{whose}"
        stage.advance(1)


def _keys(home: Home) -> Iterator[str]:
    """Private keys that others may read."""
    for file in sorted((home.path / "keys").glob("*.key")):
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield f"the private key {file.name} can be read by others: chmod 600 {file}"


def _remarks(home: Home, lost: list[str]) -> Iterator[str]:
    if lost:
        words = "1 blob" if len(lost) == 1 else f"{len(lost):,} blobs"
        yield f"{words} of trials that no version needs are gone, and `rung gc` did not clear them away (the first: {lost[0][:12]})"
    for holder in home.leases.living():
        yield f"under way: the climb {holder.climb[:12]} of '{holder.name}', by {holder}"
