"""Budgets of a home: put aside, settled, shared by its servers, and never given back by a kill."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rung.registry import budgets
from rung.registry.budgets import Aside, UsedUp
from rung.registry.home import Home, open_home
from rung.registry.scopes import Scope

DAY = Scope(tokens_per_day=100)


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    at = [datetime(2026, 11, 30, 23, 0, tzinfo=UTC)]
    monkeypatch.setattr(budgets, "clock", lambda _: at[0].timestamp())
    return at


def aside(home: Home, scope: Scope, tokens: int, usd: float = 0.0, tenant: str = "a") -> Aside:
    found = home.budgets.put_aside(tenant, scope, "serve-1", tokens, usd)
    assert isinstance(found, Aside), found
    return found


def test_what_is_put_aside_counts_until_it_is_settled(registry: Home, moment: list[datetime]) -> None:
    first = aside(registry, DAY, 60)
    found = registry.budgets.put_aside("a", DAY, "serve-1", 60, 0.0)
    assert found == UsedUp(setting="tokens_per_day", bound=100, taken=60, until_s=3600)
    registry.budgets.settle(first, questions=1, tokens=10, usd=0.0)
    second = aside(registry, DAY, 90)
    registry.budgets.settle(second, questions=1, tokens=90, usd=0.0)
    assert isinstance(registry.budgets.put_aside("a", DAY, "serve-1", 1, 0.0), UsedUp)
    day, month = registry.budgets.now("a")
    assert (day.period, day.questions, day.tokens) == ("2026-11-30", 2, 100)
    assert (month.period, month.tokens) == ("2026-11", 100)


def test_the_next_day_and_month_begin_anew(registry: Home, moment: list[datetime]) -> None:
    registry.budgets.settle(aside(registry, DAY, 100), questions=1, tokens=100, usd=0.0)
    month = Scope(tokens_per_month=100)
    assert registry.budgets.put_aside("a", month, "serve-1", 1, 0.0) == UsedUp(
        setting="tokens_per_month", bound=100, taken=100, until_s=3600
    )
    moment[0] = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)
    aside(registry, DAY, 100)
    aside(registry, month, 0)
    found = registry.budgets.put_aside("a", month, "serve-1", 1, 0.0)
    assert isinstance(found, UsedUp)
    assert found.until_s == pytest.approx(31 * 86_400 - 1)


def test_money_and_tenants_are_counted_apart(registry: Home, moment: list[datetime]) -> None:
    scope = Scope(usd_per_month=1.0, usd_per_million_tokens=1.0)
    first = aside(registry, scope, 5, usd=0.75)
    assert isinstance(registry.budgets.put_aside("a", scope, "serve-1", 5, 0.5), UsedUp)
    aside(registry, scope, 5, usd=0.5, tenant="b")
    registry.budgets.settle(first, questions=1, tokens=5, usd=0.25)
    aside(registry, scope, 5, usd=0.75)
    assert registry.budgets.now("a")[1].usd == pytest.approx(1.0)


def test_all_servers_of_a_home_count_in_one_place_and_over_restarts(registry: Home, moment: list[datetime]) -> None:
    aside(registry, DAY, 60)
    with open_home(write=True) as other:
        assert isinstance(other.budgets.put_aside("a", DAY, "serve-2", 60, 0.0), UsedUp)
        assert other.budgets.now("a")[0].tokens == 60


def test_what_a_dead_server_put_aside_counts_as_taken(registry: Home, moment: list[datetime]) -> None:
    lost, kept = aside(registry, DAY, 40), registry.budgets.put_aside("a", DAY, "serve-2", 10, 0.0)
    assert isinstance(kept, Aside)
    assert registry.budgets.bury({"serve-2"}) == 1
    assert registry.budgets.bury({"serve-2"}) == 0
    assert registry.budgets.of("a")[0].tokens == 40
    registry.budgets.settle(lost, questions=1, tokens=1, usd=0.0)
    assert registry.budgets.of("a")[0].tokens == 40, "what was buried is not settled again"


def test_a_question_that_took_nothing_leaves_nothing(registry: Home, moment: list[datetime]) -> None:
    registry.budgets.settle(aside(registry, DAY, 100), questions=0, tokens=0, usd=0.0)
    assert registry.budgets.now("a")[0].tokens == 0
    aside(registry, DAY, 100)
