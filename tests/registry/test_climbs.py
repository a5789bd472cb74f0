from __future__ import annotations

import sqlite3

import pytest

from rung.registry.home import Home


@pytest.mark.sqlite
def test_facts_keep_their_order_and_the_last_word(registry: Home) -> None:
    for climb in ("c1", "c2", "c3"):
        registry.climbs.begin(climb, form=len(climb), task="t1")
        registry.climbs.begin(climb, form=7, task="t2")
    for key, payload in [("plan", {"n": 1}), ("r0", None), ("plan", {"n": 2}), ("r1", [1.5])]:
        registry.climbs.put("c1", key, payload)
    registry.climbs.put("c1", "r1", [1.5])
    registry.climbs.put("c2", "plan", "other")
    assert (registry.climbs.fact("c1", "plan"), registry.climbs.fact("c1", "r9")) == ({"n": 2}, None)
    raw = sqlite3.connect(registry.path / "registry.db")
    assert raw.execute("SELECT count(*) FROM facts WHERE climb = 'c1'").fetchone() == (4,)
    raw.close()
    assert list(registry.climbs.facts("c1").items()) == [("plan", {"n": 2}), ("r0", None), ("r1", [1.5])]
    assert [record.climb for record in registry.climbs.all()] == ["c1", "c2"]
    assert {(record.form, record.task) for record in registry.climbs.all()} == {(2, "t1")}
    with pytest.raises(ValueError, match="JSON compliant"):
        registry.climbs.put("c1", "bad", float("nan"))


def test_a_fact_of_a_climb_that_has_not_begun_is_refused(registry: Home) -> None:
    with pytest.raises(RuntimeError, match="climb c9 has not begun"):
        registry.climbs.put("c9", "plan", 1)
