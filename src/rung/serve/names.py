"""The word for a model -> what answers: any registered name, with a version or an alias, and the bare base.

A name alone is its newest version, as on the command line; `name@champion` follows promotions and rollbacks with the next question.
Nothing is kept of what a word stands for: a version never changes, so that only its Candidate is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from rung.registry.refs import NAME
from rung.registry.tunings import TUNED, tuned
from rung.serve.bases import BASE, Bases
from rung.serve.types import Refused, Served, Tenant

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version

KEPT_CANDIDATES = 4096
LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A model as a tenant may know of it. `created` is ISO 8601, "" where nothing says."""

    id: str
    created: str = ""


class Names:
    """What the models of one server are called.

    only   shell patterns of the names that it serves; all that are registered where there are none
    bases  gives the bare bases under what it serves
    """

    def __init__(self, home: Home, *, only: Sequence[str] = ()) -> None:
        self._home, self._only = home, tuple(only)
        self._candidate = lru_cache(maxsize=KEPT_CANDIDATES)(home.candidates.get)
        self.bases = Bases(lambda: [(one, self._candidate(one.candidate)) for one in self.served()])

    def resolve(self, model: str, tenant: Tenant) -> Served:
        """What a word stands for now. Raises Refused (404) for what is not known here, and in the same words for what the tenant
        may not ask for: who may not use a model does not learn that it is there."""
        found = self.find(model)
        if found is None or not self._may(found.name, tenant, self._owner):
            raise unknown(model)
        return found

    def find(self, model: str) -> Served | None:
        """The same for the server itself, whoever asks; None for what is not known here."""
        if len(model) > LONGEST:
            return None
        if model == BASE or model.startswith(f"{BASE}:"):
            return self._bare(model)
        name, _, which = model.partition("@")
        if not NAME.fullmatch(name) or (which and not NAME.fullmatch(which)) or not self._serves(name) or model.endswith("@"):
            return None
        version = self._home.names.find(model)
        return self.of_version(version) if version else None

    def of_version(self, version: Version) -> Served:
        """A version as what answers."""
        candidate = self._candidate(version.candidate)
        return Served(ref=version.ref, name=version.name, version=version.version, candidate=candidate, task=version.evidence.task)

    def listed(self, tenant: Tenant) -> list[Listed]:
        """What a tenant may ask for: bare bases, names, versions and aliases."""
        found: list[Listed] = []
        if allowed("", tenant):
            found += [Listed(id=one) for one in self.base_words()]
        owner = self._home.tunings.owners().get
        every = self._home.names.all()
        versions = [one for one in every if self._serves(one.name) and self._may(one.name, tenant, lambda name: owner(tuned(name)))]
        made = {(one.name, one.version): one.created for one in versions}
        found += [Listed(id=name, created=_first(versions, name)) for name in dict.fromkeys(one.name for one in versions)]
        found += [Listed(id=one.ref, created=one.created) for one in versions]
        for move in self._home.aliases.standing():
            if move.version is not None and (move.name, move.version) in made:
                found.append(Listed(id=move.ref, created=made[move.name, move.version]))
        return found

    def served(self) -> list[Version]:
        """The newest version and those that an alias stands for, of every name that this server has."""
        chosen = {one.name: one for one in self._home.names.all() if self._serves(one.name)}
        stand = [self._home.names.find(move.ref) for move in self._home.aliases.standing() if move.name in chosen]
        every = [*chosen.values(), *filter(None, stand)]
        return list({one.ref: one for one in every}.values())

    def _serves(self, name: str) -> bool:
        return not self._only or matches(name, self._only) or self._owner(name) is not None

    def _owner(self, name: str) -> str | None:
        """The tenant whose fine-tuning job made what is called so; None where none did."""
        return self._home.tunings.owner(name) if name.startswith(TUNED) else None

    def _may(self, name: str, tenant: Tenant, owner: Callable[[str], str | None]) -> bool:
        """Whether a tenant may ask for a name: what a job of a tenant's made is that tenant's alone, whatever patterns say."""
        owned = owner(name)
        return allowed(name, tenant) if owned is None else owned == tenant.id

    def base_words(self) -> list[str]:
        """What the bare bases go by."""
        bases = self.bases()
        return [BASE] if len(bases) == 1 else [f"{BASE}:{one.digits}" for one in bases]

    def _bare(self, model: str) -> Served | None:
        bases = self.bases()
        if model == BASE:
            chosen = bases[0] if len(bases) == 1 else None
        else:
            chosen = next((one for one in bases if one.digits and model == f"{BASE}:{one.digits}"), None)
        return Served(ref=model, name="", version=0, candidate=chosen.candidate) if chosen else None


def allowed(name: str, tenant: Tenant) -> bool:
    """Whether a tenant may ask for a name; "" is the bare base."""
    return matches(name or BASE, tenant.models)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of these shell patterns is the name's."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def unknown(model: str) -> Refused:
    """The one answer to a word that stands for nothing here, and to one that the tenant may not use."""
    shown = model if len(model) <= LONGEST else f"{model[:LONGEST]}..."
    return Refused(
        404,
        f"The model `{shown}` does not exist or you do not have access to it.",
        type="not_found_error",
        param="model",
        code="model_not_found",
    )


def _first(versions: Sequence[Version], name: str) -> str:
    return min(one.created for one in versions if one.name == name)
