"""What whoever watches a climb is told of it, from the facts that the climb itself writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from test_record import FACTS, JUDGED, LOCK

from rung.climb.facts import Built, LockedRung, Measured, Registered
from rung.climb.record import FORM, Record
from rung.registry.home import open_home
from rung.registry.under_way import under_way

RUNGS = tuple(LockedRung(name=name, skipped="no documents" if name == "r2_late" else "") for name in ("r", "r2_late", "r10_later"))


def test_a_climb_is_told_as_it_goes_on(home: Path) -> None:
    with open_home(write=True) as opened:
        opened.climbs.begin("c", form=FORM, task="t")
        record = Record(opened, "c")
        assert under_way(opened, "c").doing == "locking the task"
        record.add(replace(LOCK, rungs=RUNGS))
        assert under_way(opened, "c").doing == "building r"
        record.add(Built(rung="r", candidate="c", records=(), artefact_bytes=9, seconds=1.0))
        assert under_way(opened, "c").doing == "the gate judges r"
        record.add(replace(JUDGED, status="fail", verdict=replace(JUDGED.verdict, status="fail")))
        record.add(Measured(rung="r", run="run", mean=0.5, n=3, seconds=2.0))
        found = under_way(opened, "c")
        assert found.doing == "building r10_later" and [one.state for one in found.rungs] == ["failed", "skipped", "ahead"]
        first = found.rungs[0]
        assert (first.verdict, first.build_s, first.gate_s, first.artefact_bytes, first.dev, first.dev_n) == (
            replace(JUDGED.verdict, status="fail"),
            1.0,
            4.0,
            9,
            0.5,
            3,
        )
        assert found.rungs[1].skipped == "no documents" and len(first.guards) == 1
        record.add(replace(JUDGED, rung="r10_later"))
        assert under_way(opened, "c").doing == "trying whether something cheaper than r10_later holds, which passed"
        record.add(Registered(version="tone@1", candidate="c", rung="r10_later"))
        assert under_way(opened, "c").doing == "writing its report" and under_way(opened, "c").version == "tone@1"


def test_every_kind_of_fact_is_read_and_what_cannot_be_is_left_out(home: Path) -> None:
    with open_home(write=True) as opened:
        opened.climbs.begin("c", form=FORM, task="t")
        record = Record(opened, "c")
        for fact in FACTS:
            record.add(fact)
        assert under_way(opened, "c").started == LOCK.started
        opened.climbs.put("c", "judged/r2_late", {"status": "pass", "verdict": {"estimate": "much"}})
        opened.climbs.put("c", "built/r2_late", "nothing of that kind")
        assert under_way(opened, "c").rungs[0].verdict is None
