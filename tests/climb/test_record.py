"""What a climb has found: written down, read again as it was, and counted by its own class."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planted import write

from rung.climb.climb import climb
from rung.climb.diagnosis.attribution import Patient, ProbeReading
from rung.climb.diagnosis.diagnosis import diagnosed
from rung.climb.facts import (
    Built,
    Charged,
    CurvePoint,
    Diagnosed,
    Fact,
    Judged,
    Lock,
    LockedBase,
    LockedRung,
    Measured,
    Registered,
    Simplified,
    Tried,
)
from rung.climb.record import FORM, Record, earlier_form
from rung.climb.steps import open_climb
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.home import Home, open_home
from rung.registry.looks import Standing
from rung.rungs.base import Recorded
from rung.task.load import load_task
from rung.types import Finding, Verdict

BASE = LockedBase(pinned="base@sha256:00", template="aa")
LOCK = Lock(
    task="t",
    data={"train": "d"},
    base=BASE,
    rungs=(LockedRung(name="r2_late", skipped=""), LockedRung(name="r10_later", skipped="no documents")),
    environment={"seed": 0, "packages": {"torch": None}},
    findings=(Finding(severity="warning", message="m", count=2, places=("rows.csv:3",)),),
    started="2026-01-01T00:00:00Z",
)
VERDICT = Verdict(
    status="pass",
    estimate=0.9,
    lower=0.8,
    upper=None,
    n=10,
    n_total=20,
    missing=0,
    alpha=0.01,
    bar=0.8,
    stopped_by="look",
    reason="clear",
)
JUDGED = Judged(rung="r", status="pass", verdict=VERDICT, guards=(VERDICT,), run="run", alpha=0.01, seconds=4.0)
PATIENT = Patient(n=10, failures=4, failing=(True,) * 4 + (False,) * 6, of={"n": 10, "failures": 4}, plain=0.6, bar=0.8)
SILENT = ProbeReading(name="probe", title="a probe", cause=None, reason="it had none")
FACTS: tuple[Fact, ...] = (
    LOCK,
    Built(
        rung="r",
        candidate="c",
        records=(Recorded(kind="trial", figures={"name": "n", "mean": None}),),
        artefact_bytes=9,
        seconds=1.0,
    ),
    Measured(rung="r", run="run", mean=None, n=3, seconds=2.0),
    JUDGED,
    Tried(rung="r", name="without / a slash", candidate="c2", artefact_bytes=3, part_added=None, judged=JUDGED),
    Simplified(rung="r", kept="without / a slash"),
    Diagnosed(
        record=diagnosed(PATIENT, [ProbeReading(name="probe", title="a probe", cause=None, reason="it had none")]).record(8.0)
    ),
    CurvePoint(rung="r", rows=10, candidate="c", run="run", seconds=100.0),
    Registered(version="toy@1", candidate="c2", rung="r"),
    Charged(number=2, alpha=0.00625, before=Standing(climbs=1, spent=0.0375, seen=9)),
)


@pytest.fixture
def opened(home: Path) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened


@pytest.fixture
def record(opened: Home) -> Record:
    opened.climbs.begin("climb", form=FORM, task="t")
    made = Record(opened, "climb")
    for fact in FACTS:
        made.add(fact)
    return made


def test_every_fact_is_read_as_it_was_written(record: Record, opened: Home) -> None:
    again = Record(opened, "climb")
    assert (again.begun, again.lock) == (True, LOCK)
    read = [*again.built.values(), *again.measured.values(), *again.judged.values(), *again.tried, *again.simplified.values()]
    assert (*read, again.diagnosis, *again.points, again.registered, again.charged) == FACTS[1:]
    assert again.kept("r") == FACTS[4]
    assert again.point("r", 10) == FACTS[7] and again.point("r", 20) is None
    with pytest.raises(FrozenInstanceError):
        again.lock.task = "u"  # type: ignore[misc]


def test_the_ladders_order_is_kept(record: Record, opened: Home) -> None:
    assert Record(opened, "climb").lock.names == ("r2_late", "r10_later")


def test_each_fact_says_what_it_took_of_the_climbs_time(record: Record) -> None:
    assert record.seconds == 1 + 2 + 4 + 4 + 8, "not what a learning curve took"


def test_what_is_said_anew_takes_the_place_of_what_was_said(record: Record, opened: Home) -> None:
    record.add(Simplified(rung="r", kept=None))
    assert record.kept("r") is None is Record(opened, "climb").kept("r")


def test_a_fact_that_is_not_known_is_told(record: Record, opened: Home) -> None:
    opened.climbs.put("climb", "built/r", {"id": "c", "seconds": 1.0})
    with pytest.raises(UserError, match=r"the record of climb climb has a fact, 'built/r', that this version of rung cannot read"):
        Record(opened, "climb")
    opened.climbs.begin("other", form=FORM, task="t")
    opened.climbs.put("other", "gate/r", {})
    with pytest.raises(UserError, match="'gate/r'"):
        Record(opened, "other")


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def test_a_record_of_an_earlier_form_is_not_gone_on_with_and_that_is_told(opened: Home, tmp_path: Path) -> None:
    notes = Notes()
    task = load_task(write(tmp_path / "task", "solved"), opened.downloads)
    with open_climb(task, opened, notes).lease:
        assert earlier_form(opened, task.digest) is None and not any("An earlier version" in note for note in notes.said)
    fresh = load_task(write(tmp_path / "fresh", "solved", seed=1), opened.downloads)
    opened.climbs.begin("01d", form=FORM - 1, task=fresh.digest)
    opened.climbs.put("01d", "lock", {"task": fresh.digest})
    begun = open_climb(fresh, opened, notes)
    with begun.lease:
        assert begun.id != "01d" and begun.record.lock.task == fresh.digest
    assert sum("An earlier version of rung began to climb this task (01d)" in note for note in notes.said) == 1


def test_a_real_climbs_record_holds_all_that_its_document_says(opened: Home, tmp_path: Path) -> None:
    task = load_task(write(tmp_path / "task", "demonstrations"), opened.downloads)
    document = climb(task, opened, progress=Silent())
    record = Record(opened, document.climb)
    assert record.document == document
    assert {rung for rung, built in record.built.items() if built.recorded("trial")} == set(record.built)
    winner = record.registered
    assert winner and winner.version == document.version and winner.rung in record.simplified
