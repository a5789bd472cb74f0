"""What a person's word for a version leads to: the Candidate, the version, and what its climb kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.registry.ended import stored_document
from rung.types import SPLITS

if TYPE_CHECKING:
    from rung.registry.documents import ClimbDocument
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.types import Candidate


@dataclass(frozen=True, kw_only=True)
class Known:
    """A Candidate by the word that it was asked for by. `version` is the one that was named, or its newest; None where it has none.

    `document` is of the climb that registered it; None where none did, or an earlier version of rung wrote it, which `note` says.
    """

    asked: str
    candidate: Candidate
    version: Version | None
    document: ClimbDocument | None
    note: str = ""

    @property
    def ref(self) -> str:
        """`tone@3`, or the beginning of the Candidate's id."""
        return self.version.ref if self.version else self.candidate.id[:12]

    @property
    def data(self) -> dict[str, str]:
        """Split -> Merkle root of its rows; empty where it is not known."""
        known = self.version.evidence.data if self.version else {}
        known = known or (self.document.lock.data if self.document else {})
        return {split: known[split] for split in SPLITS if split in known}


def look_up(home: Home, ref: str) -> Known:
    """What a name, `name@version`, `name@alias`, id or beginning of one leads to. Raises UserError where that is nothing."""
    candidate = home.candidates.get(ref)
    version = home.names.find(ref) or next(iter(home.names.of(candidate=candidate.id)[::-1]), None)
    document, note = _document(home, version) if version else (None, "")
    return Known(asked=ref, candidate=candidate, version=version, document=document, note=note)


def _document(home: Home, version: Version) -> tuple[ClimbDocument | None, str]:
    if not version.evidence.climb:
        return None, ""
    try:
        document = stored_document(home, version.evidence.climb)
        if document and version.origin and document.verdict.winner not in (None, version.candidate):
            return (
                None,
                f"{version.ref}: its climb was made here too, and ended otherwise; what made it is told by {version.origin}",
            )
        return document, ""
    except UserError as error:
        return None, f"{version.ref}: {error.problem}"
