"""Who may ask, and what waits for a person, as the registry keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.registry.scopes import SETTINGS, Scope, changed
from rung.report import text
from rung.serve.dashboard.data import Call, Held, KeyShown, TenantShown

if TYPE_CHECKING:
    from rung.registry.api_keys import ApiKey
    from rung.registry.held_states import HeldCall, State
    from rung.registry.home import Home

BOUNDS = tuple(name for name in SETTINGS if name not in ("models", "tools"))
BY_PAGE = "decided in the dashboard"  # the kind of its line in the audit
OPEN: Sequence[State] = ("waiting",)
OVER: Sequence[State] = ("approved", "refused", "expired", "running", "done", "unknown")


class KeptTenants:
    """The tenants of one home; `reload` has the server look at them anew."""

    def __init__(self, home: Home, reload: Callable[[], object] = lambda: None) -> None:
        self._home, self._reload = home, reload

    def all(self) -> Sequence[TenantShown]:
        """All that have not ended."""
        moment = self._home.audit.moment()
        return [
            TenantShown(
                id=one.id,
                name=one.name,
                models=one.scope.models,
                tools=one.scope.tools,
                limits=tuple(_limits(one.scope)),
                keys=tuple(_key(key, moment) for key in self._home.api_keys.of(one.id)),
                created=one.created,
            )
            for one in self._home.tenants.all()
        ]

    def add(self, name: str, models: Sequence[str], by: str) -> str:
        """A new tenant. Raises UserError for a name or patterns that cannot be."""
        return self._home.tenants.add(name, changed(Scope(), {"models": list(models)}), by).id

    def add_key(self, tenant: str, label: str, by: str) -> str:
        """A new key of a tenant (id), to be shown once."""
        record = self._home.tenants.get(tenant)
        if record.has_ended:
            raise UserError(f"the tenant '{record.name}' has ended")
        shown, _ = self._home.api_keys.make("tenant", record.id, label=label, who=by)
        self._reload()
        return shown

    def revoke(self, key: str, by: str) -> None:
        """Ends a tenant's key now; those of the admin plane are ended by other means, lest somebody locks themselves out."""
        found = self._home.api_keys.get(key)
        if found.kind != "tenant":
            raise UserError("this is no tenant's key", hint="`rung tenant` ends keys of the admin plane.")
        self._home.api_keys.revoke(found, who=by, reason="in the dashboard")
        self._reload()


def _limits(scope: Scope) -> list[tuple[str, str]]:
    found = []
    for name in BOUNDS:
        if (bound := getattr(scope, name)) is not None:
            words = name.replace("usd", "dollars").replace("_", " ").capitalize()
            found.append((words, text.dollars(bound) if "usd" in name else text.count(bound)))
    return found


def _key(key: ApiKey, moment: str) -> KeyShown:
    ended = "" if key.holds(moment) else f"{key.why} {key.ends[:16].replace('T', ' ')}"
    return KeyShown(id=key.id, tenant=key.tenant, label=key.label, created=key.created, expires=key.ends, ended=ended)


class KeptHolds:
    """The held calls of one home. A decision is signed by who runs the server, and says who was logged in."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def waiting(self) -> Sequence[Held]:
        """Those that nobody has decided, the oldest first."""
        return [self._shown(one) for one in reversed(self._home.held.all(OPEN))]

    def decided(self, limit: int) -> Sequence[Held]:
        """The others, the newest first."""
        return [self._shown(one) for one in self._home.held.all(OVER)[:limit]]

    def decide(self, id: str, *, approve: bool, by: str, reason: str) -> str:
        """Raises UserError where it was decided meanwhile, its time is over, or who runs the server asked for it."""
        held = self._home.held.get(id)
        with self._home.together():
            decided = self._home.held.decide(held, approve=approve, signer=self._home.keys.me(), reason=reason)
            # The reason is told to whoever asked; who was logged in is the audit's to know.
            self._home.audit.append(BY_PAGE, held.id, {"who": by, "state": decided.state})
        then = ": it is run once, when the question is asked again with its id" if approve else ""
        return f"{decided.id} is {decided.state}{then}."

    def _shown(self, held: HeldCall) -> Held:
        wanted = held.wanted
        question = next((turn.get("content") for turn in reversed(wanted.messages) if turn.get("role") == "user"), "")
        calls = wanted.waiting or wanted.calls
        return Held(
            id=held.id,
            created=held.created,
            tenant=wanted.requester or wanted.tenant,
            ref=wanted.ref,
            calls=tuple(_call(call) for call in calls),
            user=wanted.user,
            question=question if isinstance(question, str) else json.dumps(question, ensure_ascii=False),
            expires=held.expires,
            state=self._home.held.standing(held),
            by=self._home.keys.called(held.by) if held.by else "",
            why=held.reason,
            decided=held.decided,
        )


def _call(call: Any) -> Call:
    arguments = json.dumps(call.get("arguments"), indent=1, ensure_ascii=False)
    return Call(tool=str(call.get("name", "")), arguments=arguments, consequence=str(call.get("consequence") or ""))
