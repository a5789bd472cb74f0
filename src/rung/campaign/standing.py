"""What each name answers with now, and the base that it was made on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rung.registry.aliases import CHAMPION
from rung.sources.base import BaseReference

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.types import Candidate


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A name's champion, or its newest version where it has none (`served` is False then).

    base  what the climb that made it began from, pinned; of a full fine-tune the base that was trained. Without a climb that is
          known, what the Candidate says
    """

    version: Version
    served: bool
    candidate: Candidate
    base: BaseReference

    @property
    def name(self) -> str:
        return self.version.name

    @property
    def ref(self) -> str:
        return self.version.ref


def standings(home: Home, names: Sequence[str] = ()) -> list[Standing]:
    """One for each name, or for those that are given; by name. Raises UserError for a name that is not registered."""
    for name in names:
        if home.names.find(name) is None or "@" in name:
            raise home.candidates.unknown(name)
    versions = [version for name in names for version in home.names.of(name=name)] if names else home.names.all()
    newest = {version.name: version for version in versions}
    return [_standing(home, newest[name]) for name in sorted(newest)]


def _standing(home: Home, newest: Version) -> Standing:
    champion = home.names.find(f"{newest.name}@{CHAMPION}")
    return standing_at(home, champion or newest, served=champion is not None)


def standing_at(home: Home, version: Version, *, served: bool) -> Standing:
    """A name as it stands with this version."""
    candidate = home.candidates.get(version.candidate)
    return Standing(version=version, served=served, candidate=candidate, base=_began_from(home, version, candidate))


def _began_from(home: Home, version: Version, candidate: Candidate) -> BaseReference:
    """Through full fine-tunes, which are whole by themselves, down to the base that the first of them was made of."""
    seen: set[str] = set()
    reference = _locked_base(home, version) or candidate.base_reference
    while reference.kind == "tree" and reference.stored not in seen:
        seen.add(reference.stored)
        made = next(_makers(home, reference), None)
        if made is None:
            break
        reference = made
    return reference


def _makers(home: Home, tree: BaseReference) -> Iterator[BaseReference]:
    """What the climbs of versions that rest on a full fine-tune began from, of those that did not begin from it."""
    for version in home.names.on(tree.stored):
        locked = _locked_base(home, version)
        if locked is not None and locked.stored != tree.stored:
            yield locked


def _locked_base(home: Home, version: Version) -> BaseReference | None:
    lock = home.climbs.fact(version.evidence.climb, "lock") if version.evidence.climb else None
    pinned = (lock or {}).get("base", {}).get("pinned")
    return BaseReference.read(pinned) if isinstance(pinned, str) and pinned else None


def same_base(one: BaseReference, other: BaseReference) -> bool:
    """Whether both answer alike: by their content where it is known of both, whatever they are called, else by name."""
    if one.weights != other.weights:
        return False
    if one.pin and other.pin:
        return one.pin == other.pin
    return replace(one, pin="") == replace(other, pin="")


def called(reference: BaseReference) -> str:
    """As it was named, whatever its content was at the time."""
    return str(replace(reference, pin=""))
