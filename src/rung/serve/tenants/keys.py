"""Who asks a server, by the key that they show: a tenant on the data plane, an admin on the other. Neither key opens the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rung.errors import RungError
from rung.registry.api_keys import ApiKey
from rung.registry.home import Home
from rung.serve.tenants.scopes import Fresh, Scopes
from rung.serve.types import Refused, Tenant

# No key is longer; a longer text is not looked at.
LONGEST = 200


class TenantKeys:
    """The keys of a server's tenants."""

    def __init__(self, home: Home, scopes: Scopes, clock: Callable[[], float] = time.monotonic) -> None:
        self._scopes = scopes
        self._known = Fresh(home.api_keys.check, clock)

    def tenant(self, authorization: str | None, address: str) -> Tenant:
        """Raises Refused (401) for no key, or one that is not known or holds no longer; 503 where that cannot be known."""
        try:
            shown = bearer(authorization)
            key = self._known.of(shown) if shown else None
            record = self._scopes.record(key.tenant) if key is not None and key.kind == "tenant" else None
        except RungError as error:
            raise _unknown_now() from error
        if key is None or record is None:
            raise refused_key(shown)
        return Tenant(id=record.id, name=record.name, key=key.id, models=record.scope.models, tools=record.scope.tools)

    def forget(self) -> None:
        """Asks the registry anew for every key."""
        self._known.forget()
        self._scopes.forget()


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a key of the admin plane. `id` is the key's; `name` says who it is."""

    id: str
    name: str

    @property
    def who(self) -> str:
        """As the history tells who did something."""
        return f"admin {self.name} ({self.id})"


class AdminKeys:
    """The keys of a server's admin plane."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._known = Fresh(home.api_keys.check, clock)
        self._by_id = Fresh(home.api_keys.find, clock)

    def check(self, shown: str) -> Holder | None:
        """Who holds the key that is shown (`rka-...`); None where it is none, or holds no longer."""
        key = self._known.of(shown) if 0 < len(shown) <= LONGEST else None
        return _holder(key) if key is not None and key.kind == "admin" else None

    def holder(self, id: str) -> Holder | None:
        """Who holds the key of this id, where it holds now: for whoever has logged in with it."""
        key = self._by_id.of(id)
        moment = self._home.audit.moment()
        return _holder(key) if key is not None and key.kind == "admin" and key.holds(moment) else None

    def first(self, who: str = "") -> str | None:
        """A key for whoever starts the first server of a home, to be shown once; None where there has been one."""
        if self._home.api_keys.of(kind="admin"):
            return None
        return self._home.api_keys.make("admin", label="first", who=who)[0]


def bearer(authorization: str | None) -> str:
    """The key of an `Authorization: Bearer ...` header; "" where there is none."""
    kind, _, shown = (authorization or "").strip().partition(" ")
    shown = shown.strip()
    return shown if kind.lower() == "bearer" and len(shown) <= LONGEST else ""


def refused_key(shown: str) -> Refused:
    """As OpenAI's API refuses a key, without a letter of it."""
    if not shown:
        said = "You did not provide an API key. Put it into the header: Authorization: Bearer rk-..."
        return Refused(401, said, type="authentication_error", code="missing_api_key")
    return Refused(401, "Incorrect API key provided.", type="authentication_error", code="invalid_api_key")


def _holder(key: ApiKey) -> Holder:
    return Holder(id=key.id, name=key.label or key.id)


def _unknown_now() -> Refused:
    said = "The server cannot look at keys at the moment."
    return Refused(503, said, type="server_error", code="keys_unavailable", retry_after_s=5.0)
