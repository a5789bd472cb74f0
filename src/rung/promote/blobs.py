"""Blobs hashed again: those that a version names, those that were judged, and all others of a home."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rung.errors import RungError

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.types import Stage


class Hashing:
    """What hashing a home's blobs again comes to, each once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: dict[str, str] = {}

    def faults(self, digests: Iterable[str]) -> Iterator[str]:
        """Of these, each that is gone, or is not what its digest says any more."""
        for digest in dict.fromkeys(digests):
            if digest not in self._known:
                self._known[digest] = self._fault(digest)
            if self._known[digest]:
                yield self._known[digest]

    def _fault(self, digest: str) -> str:
        try:
            return "" if self._home.blobs.is_intact(digest) else f"the blob {digest[:12]} was changed"
        except RungError as error:
            return error.problem

    def of(self, versions: list[Version], stage: Stage) -> list[str]:
        """The faults of what these versions name, and of the answers that were judged, each with whose it is."""
        spoken: dict[str, str] = {}
        for version in versions:
            for digest in self._home.candidates.get(version.candidate).artefacts:
                spoken.setdefault(digest, version.ref)
            for receipt in self._home.receipts.of(version.name, version.version):
                spoken.setdefault(receipt.document.run, f"{version.ref}'s answers")
        found = []
        for digest, whose in spoken.items():
            found += [f"{fault} (of {whose})" for fault in self.faults([digest])]
            stage.advance(1)
        return found

    def others(self) -> list[str]:
        """Of all that lies in the store and has not been hashed yet: the faults."""
        return list(self.faults(name for name in self._home.blobs.all() if name not in self._known))
