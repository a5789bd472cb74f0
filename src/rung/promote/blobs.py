"""Every blob of a home hashed again, and every one that is spoken of looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.promote.conditions import blob_faults

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.types import Stage


def faults(home: Home, versions: list[Version], stage: Stage | None = None) -> list[str]:
    """Blobs of these versions, and of the answers that were judged, that are gone or were changed; each with whose it is."""
    spoken: dict[str, str] = {}
    for version in versions:
        for digest in home.candidates.get(version.candidate).artefacts:
            spoken.setdefault(digest, version.ref)
        for receipt in home.receipts.of(version.name, version.version):
            spoken.setdefault(receipt.document.run, f"{version.ref}'s answers")
    found = []
    for digest, whose in spoken.items():
        found += [f"{fault} (of {whose})" for fault in blob_faults(home, [digest])]
        if stage is not None:
            stage.advance(1)
    return found


def others(home: Home, versions: list[Version]) -> list[str]:
    """Of all that lies in the store beside: blobs that were changed."""
    spoken = {digest for version in versions for digest in home.candidates.get(version.candidate).artefacts}
    return list(blob_faults(home, [name for name in home.blobs.all() if name not in spoken]))
