"""Who asks by which key: known for a second at most, refused without a letter of what was shown, and never by the other plane's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asking import Played

from rung.errors import BrokenEnvironment
from rung.registry.home import Home
from rung.registry.scopes import Scope, changed
from rung.serve.tenants.keys import AdminKeys, TenantKeys, bearer
from rung.serve.tenants.scopes import Scopes
from rung.serve.types import Refused

pytestmark = pytest.mark.sqlite


class Guard:
    def __init__(self, home: Home) -> None:
        self.clock, self.home = Played(), home
        self.keys = TenantKeys(home, Scopes(home, self.clock), self.clock)
        self.acme = home.tenants.add("acme", changed(Scope(), {"models": ["spam"], "tools": []}))
        self.shown, self.key = home.api_keys.make("tenant", self.acme.id)

    def refused(self, shown: str) -> Refused:
        with pytest.raises(Refused) as caught:
            self.keys.tenant(f"Bearer {shown}" if shown else None, "10.0.0.1")
        assert caught.value.status == 401
        return caught.value


@pytest.fixture
def guard(registry: Home) -> Iterator[Guard]:
    return Guard(registry)  # type: ignore[return-value]


def test_a_key_tells_its_tenant_and_scope(guard: Guard) -> None:
    tenant = guard.keys.tenant(f"Bearer {guard.shown}", "10.0.0.1")
    assert (tenant.id, tenant.name, tenant.key) == (guard.acme.id, "acme", guard.key.id)
    assert (tenant.models, tenant.tools) == (("spam",), ())


def test_no_key_and_wrong_keys_are_refused_and_told_nothing(guard: Guard) -> None:
    assert guard.refused("").code == "missing_api_key"
    for wrong in (guard.shown[:-1] + "!", "sk-abc", "x" * 500, guard.shown.upper(), "\u0130" * 40):
        refused = guard.refused(wrong)
        assert refused.code in ("invalid_api_key", "missing_api_key")
        assert wrong[4:12] not in refused.message


def test_an_admins_key_opens_nothing_here_and_a_tenants_nothing_there(guard: Guard) -> None:
    shown, _ = guard.home.api_keys.make("admin", label="anna")
    assert guard.refused(shown).code == "invalid_api_key"
    admins = AdminKeys(guard.home, guard.clock)
    assert admins.check(guard.shown) is None
    assert admins.holder(guard.key.id) is None
    holder = admins.check(shown)
    assert holder is not None
    assert holder.name == "anna"
    assert admins.holder(holder.id) == holder
    assert shown[-43:] not in holder.who


def test_a_revoked_key_and_an_ended_tenant_hold_for_a_second_at_most(guard: Guard) -> None:
    other, key = guard.home.api_keys.make("tenant", guard.acme.id)
    for shown in (guard.shown, other):
        guard.keys.tenant(f"Bearer {shown}", "")
    guard.home.api_keys.revoke(key)
    guard.clock.at += 1.0
    guard.refused(other)
    guard.keys.tenant(f"Bearer {guard.shown}", "")
    guard.home.tenants.end(guard.acme)
    guard.clock.at += 1.0
    guard.refused(guard.shown)


def test_a_revocation_holds_at_once_where_the_server_is_told(guard: Guard) -> None:
    guard.keys.tenant(f"Bearer {guard.shown}", "")
    guard.home.api_keys.revoke(guard.key)
    guard.keys.forget()
    guard.refused(guard.shown)


def test_a_key_costs_one_look_a_second(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    real = guard.home.api_keys.check
    monkeypatch.setattr(guard.home.api_keys, "check", lambda shown: looks.append(shown) or real(shown))
    keys = TenantKeys(guard.home, Scopes(guard.home, guard.clock), guard.clock)
    for _ in range(50):
        keys.tenant(f"Bearer {guard.shown}", "")
        guard.clock.at += 0.1
    assert len(looks) <= 6


def test_a_registry_that_cannot_be_asked_lets_nobody_in(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise BrokenEnvironment("the registry is busy")

    keys = TenantKeys(guard.home, Scopes(guard.home, guard.clock), guard.clock)
    keys._known._find = broken
    with pytest.raises(Refused) as caught:
        keys.tenant(f"Bearer {guard.shown}", "")
    assert (caught.value.status, caught.value.retry_after_s) == (503, 5.0)


@pytest.mark.parametrize(
    ("header", "shown"),
    [("Bearer a", "a"), ("bearer  a ", "a"), ("Basic a", ""), ("a", ""), ("", ""), (None, ""), ("Bearer " + "a" * 201, "")],
)
def test_the_header(header: str | None, shown: str) -> None:
    assert bearer(header) == shown


def test_the_first_admin_key_is_made_once(registry: Home) -> None:
    shown = AdminKeys(registry).first("anna")
    assert shown is not None
    assert AdminKeys(registry).check(shown) is not None
    assert AdminKeys(registry).first() is None
