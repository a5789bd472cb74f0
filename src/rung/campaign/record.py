"""The record of one campaign: its typed facts, read from and written to the home. A fact is written down whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rung.campaign.facts import Climbed, Compared, Entry, Fact, Promoted, Refused
from rung.errors import UserError
from rung.json_form import as_json, digest, from_json

if TYPE_CHECKING:
    from rung.registry.home import Home

# Part of every campaign's id: a record of another form is not gone on with.
FORM = 1
_KINDS: Mapping[str, type[Fact]] = {kind.__name__.lower(): kind for kind in (Entry, Refused, Climbed, Compared, Promoted)}
Known = TypeVar("Known", bound=Fact)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where a campaign goes: the new base as it was written, and by its content.

    Which names a command is about is no part of it: what was done for some of them is not done again for all.
    """

    base: str
    pinned: str
    template: str

    @property
    def id(self) -> str:
        """The same for the same content, so that a campaign that is asked for again goes on."""
        return digest([FORM, self.pinned, self.template])


class Record:
    """What is known of one campaign. `add` writes a fact down; each kind is read by an attribute of its own, by the name.

    Raises UserError for a record that this version cannot read.
    """

    def __init__(self, home: Home, campaign: str) -> None:
        self.home, self.campaign = home, campaign
        self._facts = {key: _read(campaign, key, payload) for key, payload in home.campaigns.facts(campaign).items()}

    def add(self, fact: Fact) -> None:
        """Writes a fact down, here and in the home."""
        self.home.campaigns.put(self.campaign, fact.key, as_json(fact))
        self._facts[fact.key] = fact

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The names that it is about."""
        return self._all(Entry)

    @property
    def refused(self) -> Mapping[str, Refused]:
        """Those that could not be climbed when they were last tried."""
        return {name: fact for name, fact in self._all(Refused).items() if fact.problem}

    @property
    def climbed(self) -> Mapping[str, Climbed]:
        """Those whose climb has ended, of the versions that they were entered with last."""
        return {name: fact for name, fact in self._all(Climbed).items() if fact.old == self._old(name)}

    @property
    def compared(self) -> Mapping[str, Compared]:
        """Those that were compared with what answered before."""
        return {name: fact for name, fact in self._all(Compared).items() if fact.old.ref == self._old(name)}

    @property
    def promoted(self) -> Mapping[str, Promoted]:
        """What became of the champions, of those that were to be promoted and whose climb passed."""
        done = self.climbed
        return {name: fact for name, fact in self._all(Promoted).items() if name in done and fact.version == done[name].version}

    def _old(self, name: str) -> str | None:
        entry = self.entries.get(name)
        return entry.old if entry else None

    def _all(self, kind: type[Known]) -> dict[str, Known]:
        return {fact.name: fact for fact in self._facts.values() if isinstance(fact, kind)}


def _read(campaign: str, key: str, payload: Any) -> Fact:
    try:
        return from_json(_KINDS[key.partition("/")[0]], payload)
    except (KeyError, ValueError):
        raise UserError(
            f"the record of campaign {campaign[:12]} has a fact, '{key}', that this version of rung cannot read",
            hint="Go on with the version that wrote it.",
        ) from None


def asked_of(stored: Any) -> Asked | None:
    """What a stored campaign was asked for; None where another version of rung wrote it."""
    try:
        return from_json(Asked, stored)
    except ValueError:
        return None
