"""The rollouts of a home as a server sees them: read often, and routed by without a look at the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from rung.registry.aliases import CHAMPION
from rung.registry.rollout_states import ACTIVE, CANDIDATE_ARM, CHAMPION_ARM, Arm, Rollout
from rung.serve.types import Served

if TYPE_CHECKING:
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class Route:
    """A name that a rollout routes. `share` is the candidate's among those who ask; 0 while it is paused, or shadow alone."""

    rollout: Rollout
    champion: Served
    candidate: Served

    @property
    def share(self) -> float:
        return self.rollout.share

    @property
    def is_shadowed(self) -> bool:
        """Whether the candidate answers copies alone."""
        return self.rollout.state == "running" and self.rollout.share == 0

    def arm(self, place: float) -> Arm:
        """Of one who lies there in the draw."""
        return CANDIDATE_ARM if place < self.share else CHAMPION_ARM

    def served(self, arm: Arm) -> Served:
        """What answers that arm."""
        return self.candidate if arm == CANDIDATE_ARM else self.champion


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One look at a home.

    routes     by name, of rollouts that are not over and whose champion is still the one that they began with
    withdrawn  by name, versions that were rolled back and are not the champion: a name alone does not stand for them
    champions  by name, of the names that had a rollout; where there is none, the newest version that was not rolled back
    number     counts looks; a later one counts
    """

    routes: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
    withdrawn: Mapping[str, frozenset[int]] = field(default_factory=lambda: MappingProxyType({}))
    champions: Mapping[str, Served] = field(default_factory=lambda: MappingProxyType({}))
    number: int = 0


class Looking:
    """Reads a home's rollouts. What a version is never changes, so that each is read once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: dict[tuple[str, int], Served] = {}
        self._looks = 0

    def look(self) -> Snapshot:
        """How they stand now. Raises RungError where the registry cannot be read."""
        self._looks += 1
        number = self._looks
        found = self._home.rollouts.all((*ACTIVE, "rolled-back", "promoted"))
        names = {one.plan.name for one in found}
        moves = self._home.aliases.standing() if names else []
        champions = {
            move.name: self._served(move.name, move.version)
            for move in moves
            if move.alias == CHAMPION and move.name in names and move.version is not None
        }
        routes, withdrawn = {}, dict[str, frozenset[int]]()
        for one in found:
            name, champion = one.plan.name, champions.get(one.plan.name)
            stands = champion.version if champion else None
            if one.is_active and champion is not None and stands == one.plan.champion:
                routes[name] = Route(rollout=one, champion=champion, candidate=self._served(name, one.plan.version))
            elif one.state == "rolled-back" and one.plan.version != stands:
                withdrawn[name] = withdrawn.get(name, frozenset()) | {one.plan.version}
        champions |= {name: one for name in withdrawn if name not in champions for one in self._newest_but(name, withdrawn[name])}
        return Snapshot(routes=routes, withdrawn=withdrawn, champions=champions, number=number)

    def _newest_but(self, name: str, withdrawn: frozenset[int]) -> list[Served]:
        left = [one.version for one in self._home.names.of(name=name) if one.version not in withdrawn]
        return [self._served(name, left[-1])] if left else []

    def _served(self, name: str, version: int) -> Served:
        if (name, version) not in self._known:
            found = self._home.names.find(f"{name}@{version}")
            assert found is not None
            candidate = self._home.candidates.get(found.candidate)
            self._known[name, version] = Served(
                ref=found.ref, name=name, version=version, candidate=candidate, task=found.evidence.task
            )
        return self._known[name, version]
