"""What climbs that have ended came to: the document of each, its verdict in words, and what of that a version may be told by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rung.registry import documents
from rung.registry.documents import ClimbDocument

if TYPE_CHECKING:
    from rung.registry.climbs import ClimbRecord
    from rung.registry.home import Home
    from rung.registry.names import Version

# Under which keys a climb's record keeps them.
DOCUMENT, SENTENCE = "document", "sentence"
CLAIMED = "CLAIMED"


def document_of(home: Home, climb: str) -> dict[str, Any] | None:
    """The JSON of the document of a climb that has ended, whatever version of rung wrote it; None where there is none."""
    document: dict[str, Any] | None = home.climbs.fact(climb, DOCUMENT)
    return document


def stored_document(home: Home, climb: str) -> ClimbDocument | None:
    """The document of a climb; None where it has not finished. Raises UserError where an earlier version wrote it."""
    stored = document_of(home, climb)
    return documents.from_json(stored) if stored else None


def sentences(home: Home, climbs: Sequence[str]) -> dict[str, str | None]:
    """The verdict in words of each of these climbs that has ended; without reading their documents, but for those of before."""
    said = home.climbs.said(climbs, SENTENCE)
    return {climb: said[climb] if climb in said else documents.sentence_in(document_of(home, climb)) for climb in set(climbs)}


def unfinished(home: Home) -> list[ClimbRecord]:
    """The climbs that have facts and no document."""
    return home.climbs.without(DOCUMENT)


def told_versions(home: Home, versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Versions as JSON, each with the `sentence` of its climb, or of what it claims; None where neither is kept."""
    said = sentences(home, [one.evidence.climb for one in versions if one.evidence.climb and not one.is_claimed])
    return [asdict(one) | {"claimed": one.is_claimed, "sentence": _sentence(home, one, said)} for one in versions]


def _sentence(home: Home, version: Version, said: Mapping[str, str | None]) -> str | None:
    if version.is_claimed:
        return f"{CLAIMED}, judged by no task here: {version.evidence.claimed}"
    if version.origin and speaks_of_another(version, document_of(home, version.evidence.climb)):
        return None
    return said.get(version.evidence.climb)


def speaks_of_another(version: Version, document: Mapping[str, Any] | None) -> bool:
    """Whether a climb's document is of another candidate than a version that came from elsewhere: the same climb was made here."""
    verdict = (document or {}).get("verdict")
    winner = verdict.get("winner") if isinstance(verdict, Mapping) else None
    return bool(version.origin and winner and winner != version.candidate)
