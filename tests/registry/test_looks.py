from __future__ import annotations

from rung.registry.home import Home


def test_the_same_look_is_counted_once(registry: Home) -> None:
    for n in (100, 200, 100):
        registry.looks.add("t1", "cand", n)
    registry.looks.add("t2", "cand", 100)
    assert [(look.candidate, look.n) for look in registry.looks.of("t1")] == [("cand", 100), ("cand", 200)]
