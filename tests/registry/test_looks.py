"""The ledger: climbs on rows that overlap are numbered in order, each once; a look is told once, whichever task it was for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from rung.registry.home import Home, open_home
from rung.registry.looks import Charge, Gauge, Gauged, Grant, Standing

ROWS = [f"row{number}" for number in range(1200)]


def charge(home: Home, climb: str, rows: list[str], key: str = "", line: float = 0.8) -> Charge:
    test = Gauged(gauge=Gauge(key="gauge", lines=(line,)), key=key or climb)
    part = home.looks.charge(test, climb, rows, lambda number: Grant(alpha=1 / 2**number, part=0.1 / number))
    found = home.looks.charged(climb, rows)
    assert found and part == 0.1 / found.number
    return found


def test_the_same_look_is_counted_once(registry: Home) -> None:
    for n in (100, 200, 100):
        registry.looks.add("t1", "cand", n, ROWS)
    registry.looks.add("t2", "cand", 100, ROWS[-1:])
    registry.looks.add("t3", "cand", 100, ["another"])
    assert [(look.candidate, look.n) for look in registry.looks.of("t1")] == [("cand", 100), ("cand", 200)]
    assert [(look.task, look.n) for look in registry.looks.at(ROWS)] == [("t1", 100), ("t1", 200), ("t2", 100)]


def test_climbs_on_rows_that_overlap_are_numbered_whatever_their_tasks(registry: Home) -> None:
    assert registry.looks.standing(ROWS) == Standing(climbs=0, spent=0.0, seen=0)
    first = charge(registry, "a", ROWS[:800])
    assert (first.number, first.alpha, first.before.climbs) == (1, 0.5, 0)
    assert registry.looks.charged("another", ROWS) is None
    assert charge(registry, "b", ROWS[900:]).number == 1, "they have no row in common with the first"
    third = charge(registry, "c", [*ROWS[700:], "new"])
    assert (third.number, third.before) == (3, Standing(climbs=2, spent=1.0, seen=400))
    assert charge(registry, "d", ["new"]).number == 2, "of the climbs before only the third had this row"
    assert registry.looks.standing(ROWS[::-1] * 2) == Standing(climbs=3, spent=1.125, seen=1200)


def test_a_climb_that_goes_on_is_charged_once(registry: Home) -> None:
    first = charge(registry, "a", ROWS)
    charge(registry, "b", ROWS)
    again = charge(registry, "a", ROWS, "another candidate")
    assert (again.number, again.before) == (first.number, first.before)
    assert registry.looks.standing(ROWS).climbs == 2


def test_climbs_that_come_at_once_get_a_number_each(home: Path) -> None:
    def come(name: int) -> int:
        with open_home(write=True) as opened:
            return charge(opened, str(name), ROWS[:50]).number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(come, range(16))) == list(range(1, 17))


def test_the_same_test_is_free_unless_its_bar_stands_higher(registry: Home) -> None:
    def asked(key: str, line: float) -> float | None:
        return registry.looks.level(Gauged(gauge=Gauge(key="gauge", lines=(line,)), key=key))

    charge(registry, "a", ROWS, "who", 0.8)
    assert asked("who", 0.8) == asked("who", 0.7) == pytest.approx(0.1)
    assert asked("who", 0.81) is None and asked("another", 0.7) is None
    charge(registry, "b", ROWS, "who", 0.9)
    assert asked("who", 0.85) == pytest.approx(0.05) and asked("who", 0.8) == pytest.approx(0.1)
    assert registry.looks.has_made(Gauge(key="gauge", lines=(0.9,)))
    assert not registry.looks.has_made(Gauge(key="gauge", lines=(0.95,)))


def test_rows_are_stored_once_as_a_set(registry: Home) -> None:
    for task in ("t1", "t2", "t3"):
        registry.looks.add(task, "cand", 10, ROWS if task == "t1" else ROWS[::-1])
    with registry._database.reading() as connection:
        assert connection.execute(text("SELECT n FROM row_sets")).all() == [(1200,)]
        assert connection.execute(text("SELECT count(*) FROM locked_rows")).scalar() == 1200
