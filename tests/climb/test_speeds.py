"""How a machine is measured: on a fake engine with a clock of its own, kept for the next time, left alone where it is crowded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rung.climb.outlook import speeds
from rung.climb.outlook.machine import USUAL, Load, Machine
from rung.climb.outlook.pace import pace, pace_of
from rung.climb.outlook.questions import Questions, Reader
from rung.climb.outlook.texts import LONG, SHORT, kinds, made_task, questions
from rung.engine.runtime import Runtime
from rung.parts import USUAL_PACE
from rung.progress import Silent
from rung.types import Answer, Candidate, Example


class Clocked:
    """An engine of known costs; time passes only while it answers."""

    reference, template = "fake", ""

    def __init__(self, cost: Load) -> None:
        self.machine, self.now, self.reader = Machine(cost=cost, load_s=3.0), 0.0, Reader(made_task("fake"), None)  # type: ignore[arg-type]
        self.asked = 0

    def answer(self, candidate: Candidate, examples: Sequence[Example], runtime: Any, **_: Any) -> list[Answer]:
        known = self.reader.of_rows(candidate, examples)
        self.now += self.machine.seconds(known.load(len(examples), speeds.CHUNK)) + (0 if self.asked else self.machine.load_s)
        self.asked += len(examples)
        return [Answer(text="", completion_tokens=round(known.writes)) for _ in examples]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Any:
    def _measured(cost: Load, seconds: float) -> tuple[Machine, Clocked]:
        engine = Clocked(cost)
        monkeypatch.setattr("rung.engine.answer.answer", engine.answer)
        runtime = Runtime(backend_for=lambda _: engine, blobs=None)  # type: ignore[arg-type,return-value]
        engine.reader = Reader(made_task("fake"), runtime)
        return speeds.measure(runtime, "fake", None, Silent(), seconds=seconds, clock=lambda: engine.now), engine

    return _measured


@pytest.mark.parametrize("times", [0.1, 1.0, 8.0])
def test_a_known_engine_is_found_in_the_time_allowed(measured: Any, times: float) -> None:
    machine, engine = measured(USUAL.times(times), 10.0)
    work = Questions(shared=300, own=40, writes=30, steps=40).load(400, 64) + Questions(shared=30, own=200, choices=4).load(900, 24)
    assert machine.seconds(work) == pytest.approx(engine.machine.seconds(work), rel=0.2)
    assert 3.0 < machine.load_s < 3.0 + 2 * times
    assert machine.took_s < 3.0 + 20.0 * max(1.0, times / 4)


def test_the_first_questions_load_the_base_and_are_not_counted(measured: Any) -> None:
    machine, engine = measured(USUAL, 10.0)
    one = Questions(shared=0, own=60, choices=2).load(100, 64)
    assert machine.seconds(one) == pytest.approx(engine.machine.seconds(one), rel=0.2), "three seconds of loading are no answer's"


def test_a_slow_machine_is_measured_on_fewer_questions(measured: Any) -> None:
    counts = [measured(USUAL.times(times), 10.0)[1].asked for times in (0.1, 50.0)]
    assert counts[0] > 2 * counts[1] > 0


def test_made_up_questions_are_of_their_lengths_and_all_different() -> None:
    for sentences in (SHORT, LONG):
        rows = [row for row, _ in zip(questions(sentences), range(30), strict=False)]
        lengths = [row.messages[0]["content"].count(".") for row in rows]
        assert len({row.digest for row in rows}) == 30
        assert 0.7 * sentences <= sum(lengths) / 30 <= 1.3 * sentences
    assert len({kind.candidate.id for kind in kinds("x", "", ())}) == 3


@pytest.mark.parametrize(
    ("files", "allowed"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_a_container_has_the_processors_that_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], allowed: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "ascii")
    monkeypatch.setattr(speeds, "GROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert speeds.processors() == (4.0 if allowed is None else allowed)


def test_the_same_machine_has_the_same_pace_twice() -> None:
    first, again = (pace(Machine(cost=USUAL.times(times))) for times in (1.0, 1.1))
    assert (first.reads, first.trains) == (again.reads, again.trains)
    slow, fast = pace(Machine(cost=USUAL.times(4))), pace(Machine(cost=USUAL.times(0.05)))
    assert slow.reads < first.reads < fast.reads and slow.trains < first.trains < fast.trains
    assert 2.5 < first.reads / slow.reads < 6


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("pip:no-such-package", "was not here to be measured"),
        ("hf:nobody/nothing", "was not here to be measured"),
        ("./no/such/folder", "was not here to be measured"),
        ("http://127.0.0.1:9/v1#m", "a server's is not known"),
        ("ftp://what", "two cores and a small base"),
    ],
)
def test_init_waits_for_no_base(home: Path, base: str, says: str) -> None:
    found = pace_of(base, home, Silent())
    assert (found.reads, found.trains) == (USUAL_PACE.reads, USUAL_PACE.trains)
    assert says in found.about


def test_what_was_measured_beside_other_work_is_not_kept(home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Machine] = []
    monkeypatch.setattr(speeds, "kept_machine", lambda home, base: None)
    monkeypatch.setattr(speeds, "keep_machine", lambda home, base, machine: kept.append(machine))
    monkeypatch.setattr(speeds, "measure", lambda *_, **__: Machine(cost=USUAL.times(6), took_s=1000.0))
    crowded = pace_of(str(tiny_base), home, Silent())
    assert not kept and crowded.reads > pace(Machine(cost=USUAL.times(6))).reads


def test_a_base_that_is_here_is_measured(home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Machine] = []
    monkeypatch.setattr(speeds, "kept_machine", lambda home, base: kept[0] if kept else None)
    monkeypatch.setattr(speeds, "keep_machine", lambda home, base, machine: kept.append(machine))
    monkeypatch.setattr(speeds, "MEASURED_S", 0.2)
    monkeypatch.setattr(speeds, "CROWDED", 1e9)
    found = pace_of(str(tiny_base), home, Silent())
    assert "as measured here" in found.about and kept[0].took_s > 0 and kept[0].precision == "float32"
    assert pace_of(str(tiny_base), home, Silent()) == found and len(kept) == 1
