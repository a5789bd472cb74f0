"""Tenants: every change is kept, the last one counts, and of two who change one at once one is told."""

from __future__ import annotations

import pytest
from databases import tampering

from rung.errors import UserError
from rung.registry.home import Home
from rung.registry.scopes import Scope, changed, read_words


def scope(*words: str) -> Scope:
    return changed(Scope(), read_words(words))


def test_a_tenant_stands_as_its_last_change_left_it(registry: Home) -> None:
    made = registry.tenants.add("acme", scope("models=spam,legal-*"), "anna")
    assert made.scope.models == ("spam", "legal-*")
    second = registry.tenants.change(made, changed(made.scope, read_words(["at_once=2"])), "bob")
    assert registry.tenants.get("acme") == registry.tenants.get(made.id) == registry.tenants.find(made.id) == second
    assert (second.scope.models, second.scope.at_once) == (("spam", "legal-*"), 2)
    assert [(one.kind, one.who, one.number) for one in registry.tenants.history(made.id)] == [
        ("made", "anna", 1),
        ("set", "bob", 2),
    ]
    assert registry.integrity.faults() == []


def test_of_two_changes_at_once_one_is_refused(registry: Home) -> None:
    made = registry.tenants.add("acme", Scope())
    registry.tenants.change(made, scope("at_once=1"))
    with pytest.raises(UserError, match="was changed meanwhile"):
        registry.tenants.change(made, scope("at_once=2"))
    assert registry.tenants.get("acme").scope.at_once == 1


def test_a_name_is_free_when_its_tenant_has_ended_and_the_next_is_another(registry: Home) -> None:
    first = registry.tenants.add("acme", Scope())
    with pytest.raises(UserError, match="there is a tenant 'acme' already"):
        registry.tenants.add("acme", Scope())
    ended = registry.tenants.end(first)
    assert registry.tenants.all() == []
    assert registry.tenants.get("acme").has_ended
    with pytest.raises(UserError, match="has ended"):
        registry.tenants.change(ended, Scope())
    second = registry.tenants.add("acme", Scope())
    assert second.id != first.id
    assert registry.tenants.get("acme") == second
    assert [one.id for one in registry.tenants.all(ended=True)] == [first.id, second.id]


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "../a", "a\n", "é", "a" * 65])
def test_a_name_that_cannot_be_one(registry: Home, name: str) -> None:
    with pytest.raises(UserError, match="cannot be a tenant's name"):
        registry.tenants.add(name, Scope())


def test_an_unknown_one_is_told_with_what_there_is(registry: Home) -> None:
    with pytest.raises(UserError, match="there is no tenant 'acme'") as caught:
        registry.tenants.get("acme")
    assert "rung tenant add" in caught.value.hint
    registry.tenants.add("acme", Scope())
    with pytest.raises(UserError, match="Did you mean 'acme'"):
        registry.tenants.get("acne")


def test_a_change_behind_the_back_is_found_by_name(registry: Home) -> None:
    made = registry.tenants.add("acme", scope("models=spam"))
    with tampering(registry.path) as raw:
        assert raw.execute("UPDATE tenant_changes SET settings = '{}'").rowcount
    assert any(made.id in fault and "tenant_changes was changed" in fault for fault in registry.integrity.faults())
    with tampering(registry.path) as raw:
        assert raw.execute("DELETE FROM tenant_changes").rowcount
    assert any(f"{made.id} is gone from tenant_changes" in fault for fault in registry.integrity.faults())
