"""A climb's number on its locked rows, whatever its task is called; what is charged once, and what is free."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planted import write

from rung.climb.climb import climb
from rung.climb.ledger import charge_evaluation, gauge_of, locked_rows, row_key, standing_of
from rung.climb.preflight import HopelessSplit
from rung.progress import Silent
from rung.registry.documents import ClimbDocument
from rung.registry.home import Home, open_home
from rung.task.load import load_task
from rung.types import Bar, Candidate, Example, Task


@pytest.fixture
def opened(home: Path) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened


def planted(folder: Path, home: Home, **changed: object) -> Task:
    return replace(load_task(write(folder / "task", "solved"), home.downloads), **changed)


def climbed(task: Task, home: Home) -> ClimbDocument:
    return climb(task, home, progress=Silent())


def asks(content: str, target: object = "a", **more: object) -> Example:
    system = {"role": "system", "content": str(more.pop("system", ""))}
    return Example(id="1", messages=(system, {"role": "user", "content": content}), target=target, **more)  # type: ignore[arg-type]


def test_a_row_is_what_it_asks() -> None:
    row = asks("Where is my  order?")
    assert row_key(row) == row_key(asks("where is my order?", "b", system="Answer in one word.", group="g", tools=({"name": "t"},)))
    assert row_key(row) != row_key(asks("Where is your order?"))
    assert row_key(Example(id="1", messages=({"role": "system", "content": "a"},))) != row_key(asks(""))


def test_a_changed_task_meets_its_rows_again(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened, settings={"r0_linear": {"skip": True}})
    first = climbed(task, opened)
    assert (first.ledger.number, first.ledger.spent, first.ledger.alpha) == (1, 0.0, pytest.approx(0.0375))
    again = climbed(replace(task, name="renamed", instruction=f"{task.instruction} Think."), opened)
    assert (again.ledger.number, again.ledger.seen) == (2, len(task.split("test")))
    assert (again.ledger.spent, again.ledger.alpha) == (pytest.approx(0.0375), pytest.approx(0.00625))
    assert "climb 2 on these test rows" in again.ledger.lines[0] and "error so far at most 3.75%" in again.ledger.lines[0]
    assert {look.task for look in again.looks} == {"solved", "renamed"}
    assert again.ledger.next_alpha == pytest.approx(0.05 / 24)


def test_a_finished_climb_is_not_charged_again(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    assert climbed(task, opened).ledger.number == climbed(task, opened).ledger.number == 1
    assert standing_of(task, opened).climbs == 1


def test_a_climb_that_was_killed_after_its_charge_goes_on_with_it(
    opened: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The charge and the test are in the ledger, and the climb's own record does not have them yet."""
    task = planted(tmp_path, opened)
    with monkeypatch.context() as patched:
        patched.setattr(opened.looks, "charged", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            climbed(task, opened)
    assert standing_of(task, opened).climbs == 1
    charge_evaluation(task, Candidate(rung="r", base="b"), opened)
    ended = climbed(task, opened).ledger
    assert (ended.number, ended.alpha, ended.spent) == (1, pytest.approx(0.0375), 0.0)
    assert standing_of(task, opened).climbs == 2


def test_an_overlapping_sample_in_another_order_meets_its_rows(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    climbed(task, opened)
    half = tuple(row for row in task.examples if row.split != "test") + task.split("test")[::-2]
    again = standing_of(replace(task, name="sample", seed=7, examples=half), opened)
    assert (again.climbs, again.seen) == (1, len(task.split("test")) // 2)


def test_a_lower_bar_for_the_same_candidates_is_free_and_a_higher_one_is_not(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    first = climbed(task, opened)
    lower = climbed(replace(task, quality=replace(task.quality, at_least=task.quality.line - 0.1)), opened)
    assert lower.ledger.number is None and "no further error" in lower.ledger.lines[0]
    judged, again = ({rung.rung: rung.alpha for rung in of.rungs if rung.verdict} for of in (first, lower))
    assert judged == again
    higher = climbed(replace(task, quality=replace(task.quality, at_least=task.quality.line + 0.01)), opened)
    assert higher.ledger.number == 2


def test_an_evaluation_on_test_is_charged_like_a_climb(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    levels = [charge_evaluation(task, Candidate(rung="r", base=str(number)), opened) for number in (1, 2, 3, 1)]
    assert levels == pytest.approx([0.0375, 0.00625, 0.05 / 24, 0.0375])
    assert climbed(task, opened).ledger.number == 4


def test_what_is_left_may_be_too_little_for_the_rows(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    fewer = replace(task, examples=tuple(row for row in task.examples if row.split != "test") + task.split("test")[:40])
    for number in range(20):
        charge_evaluation(fewer, Candidate(rung="r", base=str(number)), opened)
    with pytest.raises(HopelessSplit, match=r"climb 21 on these test rows: the test split has 40") as caught:
        climbed(fewer, opened)
    assert "A fresh start: test rows that no climb has seen" in (caught.value.hint or "")


def test_looks_of_before_are_said_and_not_counted(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    opened.tasks.add(task)
    with opened._database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO looks (task, candidate, n, created) VALUES (?, 'c', 9, '')", (task.digest,))
    found = climbed(task, opened).ledger
    assert found.number == 1
    assert found.lines[1] == (
        "not counted: 1 look that an earlier version of rung took at tasks called 'solved'; which rows they were is not known"
    )


def test_the_gauge_is_the_rows_and_the_scorers_not_the_bar(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    lower = replace(task, quality=replace(task.quality, at_least=0.1), name="another", alpha=0.2)
    assert gauge_of(task).key == gauge_of(lower).key and gauge_of(lower).lines == (0.1,)
    for changed in (
        replace(task, seed=task.seed + 1),
        replace(task, quality=Bar(scorer="contains", at_least=task.quality.at_least)),
        replace(task, examples=tuple(replace(row, target="other") for row in task.examples)),
        replace(task, guards=(Bar(scorer="exact", at_least=0.5, name="guard"),)),
    ):
        assert gauge_of(changed).key != gauge_of(task).key
    assert locked_rows(task) == tuple(row_key(row) for row in task.split("test"))
