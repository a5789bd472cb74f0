"""Quotas by a clock that is played: rates, questions at once, budgets, and what is put aside and settled."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from asking import ACME, OTHER, Played, said

from rung.registry.home import Home, open_home
from rung.registry.scopes import Scope, changed
from rung.registry.tenants import TenantRecord
from rung.serve.tenants.tenancy import Tenancy, open_tenancy
from rung.serve.types import Refused, Tenant
from rung.types import Answer


class Server:
    """A tenancy with a played clock, and tenants with what they may take."""

    def __init__(self, home: Home) -> None:
        self.clock = Played()
        self.tenancy: Tenancy = open_tenancy(home, clock=self.clock)
        self.home = home

    def tenant(self, name: str, **scope: object) -> Tenant:
        record = self.home.tenants.add(name, changed(Scope(), scope))
        return Tenant(id=record.id, name=name)

    def admit(self, tenant: Tenant, prompt: int = 10, most: int = 10):
        return self.tenancy.quotas.admit(tenant, prompt_tokens=prompt, max_tokens=most)

    def refused(self, tenant: Tenant, prompt: int = 10, most: int = 10) -> Refused:
        with pytest.raises(Refused) as caught:
            self.admit(tenant, prompt, most)
        assert caught.value.status == 429
        return caught.value


@pytest.fixture
def server(registry: Home) -> Iterator[Server]:
    made = Server(registry)
    yield made
    made.tenancy.close()


@pytest.mark.sqlite
def test_requests_a_minute(server: Server) -> None:
    tenant = server.tenant("acme", requests_per_minute=3)
    for _ in range(3):
        server.admit(tenant).settle(said())
        server.clock.at += 1
    refused = server.refused(tenant)
    assert (refused.code, refused.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert refused.retry_after_s is not None
    server.clock.at += refused.retry_after_s
    server.admit(tenant)
    server.refused(tenant)
    server.admit(OTHER)  # another tenant is none of its business


@pytest.mark.sqlite
def test_tokens_a_minute_are_put_aside_and_settled(server: Server) -> None:
    tenant = server.tenant("acme", tokens_per_minute=100)
    first = server.admit(tenant, 10, 80)
    server.refused(tenant, 10, 10)
    first.settle(said(prompt=10, completion=5))
    first.settle(said(prompt=1000, completion=5))
    assert server.tenancy.quotas.pressure(tenant.id).tokens == 15
    second = server.admit(tenant, 10, 75)
    second.settle(None)
    assert server.tenancy.quotas.pressure(tenant.id).tokens == 15
    unknown = server.admit(tenant, 10, 20)
    unknown.settle(said(prompt=None))
    assert server.tenancy.quotas.pressure(tenant.id).tokens == 45, "what is not known counts as put aside"
    never = server.refused(tenant, 10, 100)
    assert never.retry_after_s is None
    assert "max_tokens" in never.message


@pytest.mark.sqlite
def test_questions_at_once(server: Server) -> None:
    tenant = server.tenant("acme", at_once=2)
    first, second = server.admit(tenant), server.admit(tenant)
    assert server.refused(tenant).retry_after_s == 1.0
    first.settle(None)
    first.settle(None)
    third = server.admit(tenant)
    server.refused(tenant)
    second.settle(said())
    third.settle(said())
    assert server.tenancy.quotas.pressure(tenant.id).at_once == 0


def test_a_budget_holds_over_a_restart_and_for_two_servers(server: Server) -> None:
    tenant = server.tenant("acme", tokens_per_month=100)
    server.admit(tenant, 10, 10).settle(said(prompt=30, completion=20))
    waiting = server.admit(tenant, 10, 20)
    with open_home(write=True) as home:
        other = open_tenancy(home)
        with pytest.raises(Refused) as caught:
            other.quotas.admit(tenant, prompt_tokens=10, max_tokens=20)
        assert (caught.value.status, caught.value.code) == (429, "insufficient_quota")
        assert caught.value.retry_after_s is not None
        assert 0 < caught.value.retry_after_s <= 31 * 86_400
        assert other.quotas.pressure(tenant.id) == type(other.quotas.pressure(tenant.id))(requests=0, tokens=0, at_once=0)
        waiting.settle(said(prompt=10, completion=5))
        server.tenancy.close()
        other.quotas.admit(tenant, prompt_tokens=10, max_tokens=25).settle(None)
        other.close()
        assert [taken.tokens for taken in home.budgets.of(tenant.id)] == [65, 65]


@pytest.mark.sqlite
def test_money_is_what_the_answer_cost_or_what_its_tokens_count_for(server: Server) -> None:
    tenant = server.tenant("acme", usd_per_day=1.0, usd_per_million_tokens=10_000.0)
    server.admit(tenant, 10, 40).settle(said(prompt=10, completion=10))
    server.admit(tenant, 10, 40).settle(said(cost_usd=0.125))
    refused = server.refused(tenant, 60, 10)
    assert "0.3250 are taken" in refused.message
    server.admit(tenant, 10, 57)


@pytest.mark.sqlite
def test_a_lower_bound_holds_within_a_second(server: Server) -> None:
    tenant = server.tenant("acme")
    server.admit(tenant).settle(said())
    record: TenantRecord = server.home.tenants.get("acme")
    server.home.tenants.change(record, changed(record.scope, {"requests_per_minute": 1}))
    server.clock.at += 1.01
    server.refused(tenant)


@pytest.mark.sqlite
def test_a_simulated_day_of_many_askers_stays_within_every_bound(server: Server) -> None:
    """Three tenants ask at random with answers that take their time; no bound is ever passed, and there is no starving."""
    chance = random.Random(4)
    tenants = [server.tenant(f"t{number}", requests_per_minute=20, tokens_per_minute=2_000, at_once=4) for number in range(3)]
    under_way: list[tuple[float, Tenant, object, Answer]] = []
    counted: dict[str, list[tuple[float, int]]] = {tenant.id: [] for tenant in tenants}
    for _ in range(3_000):
        server.clock.at += chance.expovariate(3.0)
        for entry in [entry for entry in under_way if entry[0] <= server.clock.at]:
            under_way.remove(entry)
            entry[2].settle(entry[3])  # type: ignore[attr-defined]
        tenant = chance.choice(tenants)
        try:
            place = server.admit(tenant, prompt := chance.randint(1, 200), 100)
        except Refused as refused:
            assert refused.retry_after_s is not None
            continue
        answer = said(prompt=prompt, completion=chance.randint(1, 100))
        under_way.append((server.clock.at + chance.expovariate(1.0), tenant, place, answer))
        counted[tenant.id].append((server.clock.at, prompt + (answer.completion_tokens or 0)))
        assert sum(entry[1] == tenant for entry in under_way) <= 4
    for taken in counted.values():
        assert len(taken) > 200
        for start, _ in taken[::20]:
            minute = [tokens for at, tokens in taken if start <= at < start + 60]
            assert len(minute) <= 20
            assert sum(minute) <= 2_000


@pytest.mark.sqlite
def test_many_threads_at_once_are_never_more_than_may_be(server: Server) -> None:
    tenant = server.tenant("acme", at_once=5, tokens_per_day=10_000)
    most, lock, under_way, let_in = [0], threading.Lock(), [0], [0]

    def asks() -> None:
        for _ in range(5):
            try:
                place = server.admit(tenant, 10, 10)
            except Refused as refused:
                assert refused.code == "rate_limit_exceeded"
                continue
            with lock:
                under_way[0] += 1
                let_in[0] += 1
                most[0] = max(most[0], under_way[0])
            with lock:
                under_way[0] -= 1
            place.settle(said(prompt=10, completion=0))

    threads = [threading.Thread(target=asks) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.tenancy.close()
    assert 1 <= most[0] <= 5
    assert server.home.budgets.of(tenant.id)[0].tokens == 10 * let_in[0]
    assert server.tenancy.quotas.pressure(tenant.id).at_once == 0


@pytest.mark.sqlite
def test_without_a_budget_nothing_is_written(server: Server) -> None:
    server.admit(ACME).settle(said())
    server.tenancy.close()
    assert server.home.budgets.of(ACME.id) == []
