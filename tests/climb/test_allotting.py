"""A rung's share is fixed by dev before its gate, written down first, and never sums to more than the climb may spend."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import climbs
from sqlalchemy import Connection

from rung import plugins
from rung.climb import ledger, steps
from rung.climb.climb import climb
from rung.climb.diagnosis.probe import probes
from rung.climb.record import Record
from rung.progress import Silent
from rung.registry.documents import ClimbDocument, RungRecord, as_json, from_json
from rung.registry.home import Home, open_home
from rung.registry.migrations.triggers import lifted
from rung.report.html import page
from rung.rungs.base import ladder
from rung.task.load import load_task
from rung.types import Task
from rung.verify import alpha
from rung.verify.alpha import FLOOR, WHOLE, spends, weight

MODEL = """
import hashlib
TRUTHS = {truths}
def model(request):
    who, asked = request["messages"][0]["content"], request["messages"][-1]["content"]
    draw = hashlib.blake2b((who.split()[-1] + asked).encode(), digest_size=7).digest()
    return "right" if int.from_bytes(draw, "big") / 2**56 < TRUTHS.get(who.split()[-1], 0.5) else "wrong"
"""
RUNGS = ("rung0", "rung1", "rung2")


@pytest.fixture
def opened(home: Path) -> Iterator[Home]:
    """A home, and a ladder of three rungs that only name who is asked; ours again afterwards."""
    names, load = plugins.names, plugins.load
    climbs.install(len(RUNGS))
    with open_home(write=True) as opened:
        yield opened
    plugins.names, plugins.load = names, load
    ladder.cache_clear()
    probes.cache_clear()


def task_in(folder: Path, home: Home, truths: Sequence[float], *, bar: float = 0.8, dev: int = 100, **changed: object) -> Task:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL.format(truths=dict(zip(RUNGS, truths, strict=True))))
    splits = {"train": 10, "dev": dev, "test": 240}
    rows = [f'{{"q": "{name} {number}", "a": "right", "split": "{name}"}}' for name, n in splits.items() for number in range(n)]
    (folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "task.yaml").write_text(
        "name: three\nbase: scripted:model.py#model\ninstruction: Answer.\n"
        "data: {examples: rows.jsonl, columns: {input: q, target: a, split: split}}\n"
        f"quality: {{scorer: exact, at_least: {bar}}}\n"
    )
    return replace(load_task(folder / "task.yaml", home.downloads), **changed)


def climbed(task: Task, home: Home, *, every: bool = False) -> ClimbDocument:
    return climb(task, home, progress=Silent(), every_rung=every)


def record_of(document: ClimbDocument, home: Home) -> Record:
    return Record(home, document.climb)


def rung(document: ClimbDocument, name: str) -> RungRecord:
    return next(rung for rung in document.rungs if rung.rung == name)


def parts_of(record: Record) -> dict[str, int]:
    return {name: fact.part for name, fact in record.allotted.items()}


def test_what_dev_leaves_no_hope_gets_the_floor_and_ends_early(opened: Home, tmp_path: Path) -> None:
    found = climbed(task_in(tmp_path, opened, [0.65, 0.95, 0.95]), opened)
    record, first, second = record_of(found, opened), rung(found, "rung0"), rung(found, "rung1")
    share = record.allotted["rung0"]
    assert share.dev is not None and share.dev.hopeless and share.part == FLOOR and share.dev.rows <= 100
    assert first.alpha == spends(0.05 * weight(1), FLOOR) and first.verdict is not None
    assert first.verdict.status == "undecided" and first.verdict.n <= 48
    assert "by dev and these less than 1% chance of passing on all of them; between" in first.verdict.reason
    assert "`alpha_shares: equal` in the task file tests every rung alike" in first.verdict.reason
    assert second.state == "passed" and second.alpha is not None and second.alpha > 0.05 * weight(1) / 2
    assert rung(found, "rung2").alpha is None, "it was never tested"
    assert list(record.allotted) == ["rung0", "rung1"]
    assert "by what dev says of each: rung0 2.0% (dev leaves it little hope), rung1" in found.ledger.lines[-1]


def test_who_is_left_undecided_is_told_what_labels_would_do(opened: Home, tmp_path: Path) -> None:
    """At the share that dev gave and at an equal one, or why none would: in the verdict, the page and the JSON."""
    found = climbed(task_in(tmp_path, opened, [0.65, 0.84, 0.5]), opened)
    far, near = rung(found, "rung0").more_labels, rung(found, "rung1").more_labels
    assert near is not None and near.needed is not None and near.equal is not None and near.equal != near.needed
    assert near.alpha == rung(found, "rung1").alpha and near.equal_alpha == pytest.approx(0.05 * weight(1) / 3)
    assert f"About {near.needed:,} more test labels would decide it at the share of error that dev gave it" in near.said
    assert f"about {near.equal:,} at an equal share (1.25%; `alpha_shares: equal`)" in near.said
    assert far is not None and far.needed is None
    assert far.said.startswith("No number of test labels is expected to show a pass: dev says that it is below the bar (at most ")
    assert near.said[1:] in found.verdict.sentence and near.said[1:] in found.second_try
    shown = unescape(page(found))
    assert near.said in shown and far.said in shown
    told = as_json(found)
    assert [one["more_labels"] and one["more_labels"]["needed"] for one in told["rungs"]] == [None, near.needed, None]
    assert from_json(told) == found


def test_where_a_search_is_held_to_few_rows_its_share_is_too(opened: Home, tmp_path: Path) -> None:
    told = {}
    for held in (None, 20, 40, 80):
        settings = {"rung0": {"dev_rows": held}} if held else {}
        task = task_in(tmp_path / str(held), opened, [0.77, 0.95, 0.95], dev=400, name=f"held{held}", settings=settings)
        told[held] = record_of(climbed(task, opened), opened).allotted["rung0"].dev
    assert told[None] and told[None].rows > 160, "it lies near the bar, so that more rows tell more"
    assert [found.rows for held in (20, 40, 80) if (found := told[held])] == [48, 80, 160]


def test_a_clear_fail_is_still_found(opened: Home, tmp_path: Path) -> None:
    found = climbed(task_in(tmp_path, opened, [0.2, 0.2, 0.2]), opened)
    assert [one.state for one in found.rungs] == ["failed"] * 3
    assert all(one.verdict is not None and one.verdict.n <= 72 for one in found.rungs)
    assert parts_of(record_of(found, opened)) == {"rung0": FLOOR, "rung1": FLOOR, "rung2": WHOLE - 2 * FLOOR}


def test_equal_shares_are_to_be_had(opened: Home, tmp_path: Path) -> None:
    found = climbed(task_in(tmp_path, opened, [0.65, 0.7, 0.75], alpha_shares="equal"), opened)
    record = record_of(found, opened)
    assert parts_of(record) == {"rung0": 333, "rung1": 333, "rung2": 334}
    assert all(one.dev is None for one in record.allotted.values())
    assert all("`alpha_shares" not in one.reason for one in found.rungs)


@pytest.mark.parametrize("where", ["level_of", "judge"])
def test_a_climb_that_is_killed_before_its_gate_goes_on_with_its_share(
    opened: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Also where the rule has changed by then."""
    task = task_in(tmp_path, opened, [0.9, 0.9, 0.9])
    with monkeypatch.context() as patched:
        patched.setattr(steps, where, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            climbed(task, opened)
    record = Record(opened, opened.climbs.all()[-1].climb)
    before = record.allotted["rung0"]
    assert not record.judged and before.part > 400
    monkeypatch.setattr(alpha, "LEAN", 0.01)
    found = climbed(task, opened)
    assert record_of(found, opened).allotted["rung0"] == before
    assert rung(found, "rung0").alpha == spends(0.05 * weight(1), before.part)


def forget(connection: Connection, *wanted: str) -> None:
    with lifted(connection, ("facts", "tests")):
        for one in wanted:
            connection.exec_driver_sql(one)


def test_rungs_that_were_judged_before_shares_were_written_down_had_equal_ones(opened: Home, tmp_path: Path) -> None:
    """The record of a version that knew no shares, which stopped after its first rung: the rest divide what is left."""
    task = task_in(tmp_path, opened, [0.65, 0.65, 0.65])
    climbed(task, opened)
    with opened._database.writing() as connection:
        forget(
            connection,
            "DELETE FROM facts WHERE key LIKE 'allotted/%'",
            "DELETE FROM facts WHERE key LIKE 'judged/%' AND key != 'judged/rung0'",
            "DELETE FROM tests",
        )
    again = record_of(climbed(task, opened), opened)
    assert parts_of(again) == {"rung1": FLOOR, "rung2": WHOLE - 334 - FLOOR}


def test_a_test_that_was_charged_and_not_written_down_counts_as_charged(
    opened: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a version that knew no shares: its climb was killed between the charge and the gate."""
    task = task_in(tmp_path, opened, [0.65, 0.65, 0.65])
    with monkeypatch.context() as patched:
        patched.setattr(steps, "judge", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            climbed(task, opened)
    with opened._database.writing() as connection:
        forget(connection, "DELETE FROM facts WHERE key LIKE 'allotted/%'", "UPDATE tests SET alpha = 0.0125")
    found = climbed(task, opened)
    assert rung(found, "rung0").alpha == pytest.approx(0.0125, rel=0.01)
    assert parts_of(record_of(found, opened)) == {"rung0": 334, "rung1": FLOOR, "rung2": WHOLE - 334 - FLOOR}


def test_a_lower_bar_is_tested_at_more_where_it_had_almost_nothing(opened: Home, tmp_path: Path) -> None:
    """What was hopeless had next to no alpha: at a bar that dev shows likely that would be no test. It costs a second climb."""
    task = task_in(tmp_path, opened, [0.65, 0.65, 0.65])
    first = climbed(task, opened)
    lower = climbed(replace(task, quality=replace(task.quality, at_least=0.5)), opened)
    assert lower.ledger.number == 2 and lower.verdict.status == "pass"
    before, now = rung(first, "rung0").alpha, rung(lower, "rung0").alpha
    assert before is not None and now is not None and now > before
    assert opened.looks.standing(ledger.locked_rows(task)).spent == pytest.approx(0.0375 + 0.00625)
    assert climbed(replace(task, quality=replace(task.quality, at_least=0.45)), opened).ledger.number is None, "and then is free"


def test_a_rung_that_was_not_reached_is_tested_at_what_was_kept_for_it(opened: Home, tmp_path: Path) -> None:
    task = task_in(tmp_path, opened, [0.95, 0.95, 0.95])
    found = record_of(climbed(task, opened), opened)
    assert list(found.allotted) == ["rung0"]
    every = record_of(climbed(task, opened, every=True), opened)
    assert every.allotted["rung0"] == found.allotted["rung0"] and sum(parts_of(every).values()) == WHOLE
    assert min(parts_of(every).values()) >= FLOOR


def test_a_tiny_dev_moves_little(opened: Home, tmp_path: Path) -> None:
    """Five rows of dev, all right: no certainty."""
    found = record_of(climbed(task_in(tmp_path, opened, [1.0, 1.0, 1.0], dev=5), opened), opened)
    assert 200 < found.allotted["rung0"].part < 500 and found.allotted["rung0"].dev is not None


def test_dev_that_is_much_easier_than_test_takes_no_more_than_there_is(opened: Home, tmp_path: Path) -> None:
    task = task_in(tmp_path, opened, [0.95, 0.95, 0.95])
    rows = enumerate(task.examples)
    hard = tuple(replace(row, target="wrong") if row.split == "test" and number % 3 else row for number, row in rows)
    found = climbed(replace(task, examples=hard), opened)
    assert [one.state for one in found.rungs] == ["failed"] * 3
    assert sum(parts_of(record_of(found, opened)).values()) == WHOLE
