from __future__ import annotations

from nouns import a_candidate, a_run

from rung.registry.home import Home


def test_runs_come_back_whole(registry: Home) -> None:
    candidate = a_candidate()
    dev, gate = a_run(candidate), a_run(candidate, "test")
    for run in (dev, gate, dev):
        registry.runs.add(run)
    assert registry.runs.of(candidate.id) == [dev, gate] == registry.runs.of(task="t" * 64)
    assert registry.runs.of("f" * 64) == []
    record = registry.runs.records(candidate.id)[0]
    assert (record.split, record.n, record.mean) == ("dev", 3, 0.5)
