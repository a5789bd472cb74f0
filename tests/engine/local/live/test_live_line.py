"""Whose turn it is: who was served least, and how a pass is shared out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.engine.caller import Full
from rung.engine.local.live.line import Line, shares


@dataclass(frozen=True)
class One:
    tenant: str
    number: int = 0


def order(line: Line[One], count: int) -> list[str]:
    return [one.tenant for _ in range(count) if (one := line.next(lambda _one: True))]


def test_a_flood_waits_for_who_was_served_less() -> None:
    line: Line[One] = Line(100, 50)
    line.add([One("flood", number) for number in range(20)], 1.0)
    for _ in range(5):
        line.next(lambda _one: True)
        line.serve("flood", read=100, made=10)
    line.add([One("quiet")], 1.0)
    assert order(line, 2) == ["quiet", "flood"]
    line.serve("quiet", read=30)
    line.leave("quiet")
    line.add([One("quiet")], 1.0)
    line.serve("flood", made=100)
    assert order(line, 1) == ["quiet"], "who comes again begins where the least served stands, not further behind"


def test_what_was_not_used_is_not_saved_up() -> None:
    line: Line[One] = Line(100, 50)
    line.add([One("a"), One("a")], 1.0)
    line.next(lambda _one: True)
    line.serve("a", read=10_000)
    line.add([One("b", number) for number in range(3)], 1.0)
    assert order(line, 1) == ["a"] or line.places("a") == 1
    line.serve("b", read=1)
    assert {one.tenant for one in line} <= {"a", "b"}


def test_one_that_may_not_join_keeps_its_place_and_others_do() -> None:
    line: Line[One] = Line(10, 5)
    line.add([One("a", 1), One("a", 2), One("b", 3)], 1.0)
    assert line.next(lambda one: one.tenant == "b") == One("b", 3)
    assert [one.number for one in line] == [1, 2] and line.next(lambda _one: False) is None


def test_too_many_are_refused_each_tenants_own_first_and_nothing_of_them_is_kept() -> None:
    line: Line[One] = Line(6, 3)
    line.add([One("a", number) for number in range(3)], 1.0)
    with pytest.raises(Full, match="of yours") as full:
        line.add([One("a")], 7.5)
    assert full.value.retry_after_s == 7.5
    line.add([One("b"), One("b")], 1.0)
    with pytest.raises(Full) as full:
        line.add([One("c"), One("c")], 1.0)
    assert "of yours" not in full.value.problem and len(line) == 5
    assert line.remove(lambda one: one.tenant == "a") == [One("a", number) for number in range(3)] and len(line) == 2


def test_a_pass_is_shared_between_tenants_and_short_prompts_do_not_wait_for_long_ones() -> None:
    assert shares([("a", 0, 8000), ("b", 1, 50)], 256) == {0: 206, 1: 50}
    shared = shares([("a", 0, 8000), ("a", 1, 40)], 256)
    assert shared == {0: 216, 1: 40}
    flood = shares([*(("a", number, 500) for number in range(10)), ("b", 10, 100)], 256)
    assert flood[10] == 100 and flood[0] >= 156 // 4
    assert shares([("a", 0, 8000), ("b", 1, 150)], 128, "b") == {1: 150, 0: 0}, (
        "a little more than a pass, so that it is read at once"
    )
    assert shares([("a", 0, 8000), ("b", 1, 500)], 128, "b") == {0: 64, 1: 64}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 400)), min_size=1, max_size=12), st.integers(1, 300))
def test_a_pass_is_full_while_there_is_something_to_read(rows: list[tuple[str, int]], tokens: int) -> None:
    unread = [(tenant, number, left) for number, (tenant, left) in enumerate(rows)]
    found = shares(unread, tokens)
    assert sum(found.values()) == min(tokens, sum(left for _, _, left in unread))
    first = shares(unread, tokens, rows[0][0])
    assert min(tokens, sum(left for _, _, left in unread)) <= sum(first.values()) <= tokens + tokens // 4
    assert all(0 <= found[number] <= left for _, number, left in unread if number in found)
    totals = {tenant: sum(found.get(number, 0) for other, number, _ in unread if other == tenant) for tenant, _, _ in unread}
    for tenant, total in totals.items():
        wanted = sum(left for other, _, left in unread if other == tenant)
        assert total == wanted or total >= tokens // len(totals) - 1
