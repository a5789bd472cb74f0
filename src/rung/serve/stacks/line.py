"""The stacks of a server: what a request or its session has added to a model, or the mode that it is in.

A request that says nothing has what its session has on for that model; one that names adapters or a mode switches the session over.
What is on is looked at anew with every question: a combination that its task no longer names answers no longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rung.errors import did_you_mean
from rung.line import Serving
from rung.registry.sessions import Chosen
from rung.serve.rails.line import RulesAtHand
from rung.serve.stacks.adding import Part, added
from rung.serve.stacks.admitting import covered, named_by_task
from rung.serve.types import Asked, Refused, Served, Tenant
from rung.task.serving import NO_MODE

if TYPE_CHECKING:
    from rung.registry.home import Home

LONGEST_SESSION = 200


class Names(Protocol):
    """What words for a model stand for."""

    def resolve(self, model: str, tenant: Tenant) -> Served:
        """For a tenant; raises Refused (404) for what they may not ask for."""

    def find(self, model: str) -> Served | None:
        """For the server itself."""


class LineStacks:
    """`serve.types.Stacks` over a home."""

    def __init__(self, home: Home, names: Names, rules: RulesAtHand | None = None) -> None:
        self._home, self._names, self._rules = home, names, rules or RulesAtHand(home)

    def stacked(self, asked: Asked, served: Served) -> Served:
        """Raises Refused: 400 where they cannot be added up, 403 where nothing admits them, 404 for names that the tenant may not
        ask for, and for modes that the task does not have."""
        says = asked.stack is not None or bool(asked.mode)
        if not says and not asked.session:
            return served
        if len(asked.session) > LONGEST_SESSION:
            raise Refused(400, f"a session's id has at most {LONGEST_SESSION} characters", param="session", code="session_too_long")
        chosen = _said(asked) if says else self._home.sessions.of(asked.tenant.id, asked.session, served.name)
        serving = self._rules.of(served)
        combined = served
        if chosen != Chosen():
            parts = self._parts(chosen, served, serving, asked.tenant)
            combined = added(served, parts)
            self._admit(chosen, served, serving, parts, combined)
        if says and asked.session:
            self._home.sessions.choose(asked.tenant.id, asked.session, served.name, chosen)
        return combined

    def _parts(self, chosen: Chosen, served: Served, serving: Serving, tenant: Tenant) -> list[Part]:
        if not chosen.mode:
            return [Part(served=self._names.resolve(name, tenant), weight=weight) for name, weight in chosen.stack]
        mix = serving.mode(chosen.mode)
        if mix is None:
            known = sorted(one.mode for one in serving.mixes if one.mode)
            near = did_you_mean(chosen.mode, known) if known else "Its task has none."
            said = f"'{served.name or served.ref}' has no mode '{chosen.mode[:80]}'. {near}"
            raise Refused(404, said, type="not_found_error", param="mode", code="no_such_mode")
        parts = []
        for share in mix.shares:
            found = self._names.find(share.name)
            if found is None:
                said = f"the mode '{chosen.mode}' names '{share.name}', which is not served here"
                raise Refused(503, said, type="server_error", param="mode", code="mode_broken")
            parts.append(Part(served=served if found.name == served.name and "@" not in share.name else found, weight=share.least))
        return parts

    def _admit(self, chosen: Chosen, served: Served, serving: Serving, parts: list[Part], combined: Served) -> None:
        """A mode is its task's own; another combination must be named by it, or have been judged."""
        if chosen.mode or combined.adapters == served.adapters or named_by_task(serving, served, parts, self._names.find):
            return
        if covered(self._home, combined):
            return
        named = " + ".join(f"{part.served.ref} x {part.weight:g}" for part in parts)
        said = f"nothing admits {named} with '{served.ref}': neither its task's serving.stacks nor a receipt of just this"
        raise Refused(403, said, type="permission_error", param="adapters", code="combination_not_admitted")


def open_stacks(home: Home, names: Names, rules: RulesAtHand | None = None) -> LineStacks:
    """The stacks of a server over a home; `names` as the server resolves them."""
    return LineStacks(home, names, rules)


def _said(asked: Asked) -> Chosen:
    if asked.stack is not None and asked.mode:
        raise Refused(400, "adapters and a mode are two ways of saying it: leave out one", param="mode", code="both")
    if asked.mode:
        return Chosen() if asked.mode in NO_MODE else Chosen(mode=asked.mode)
    return Chosen(stack=tuple((one.id, float(one.weight)) for one in asked.stack or ()))
