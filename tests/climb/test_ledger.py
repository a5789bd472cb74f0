"""A climb's number on its locked rows, whatever its task is called; what is charged once, and what is free."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planted import write

from rung.climb.climb import climb
from rung.climb.ledger import (
    after_evaluation,
    at_gate,
    charge_evaluation,
    few_seen,
    gauge_of,
    locked_rows,
    open_to,
    row_key,
    said,
    standing_of,
)
from rung.climb.preflight import HopelessSplit
from rung.progress import Silent
from rung.registry.documents import ClimbDocument
from rung.registry.home import Home, open_home
from rung.task.load import load_task
from rung.types import Answer, Bar, Candidate, Example, Row, Run, Task


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


def with_test_rows(task: Task, rows: Sequence[Example]) -> Task:
    return replace(task, examples=(*task.split("train"), *task.split("dev"), *rows))


def test_few_rows_that_were_seen_are_left_out_and_cost_nothing(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened, settings={"r0_linear": {"skip": True}})
    rows = task.split("test")
    seen, met = len(rows) // 2, len(rows) // 40
    climbed(with_test_rows(task, rows[:seen]), opened)
    task = replace(with_test_rows(task, rows[seen - met :]), name="other", instruction=f"{task.instruction} Think.")
    left_out = few_seen(task, opened)
    assert left_out == {row.id for row in rows[seen - met : seen]}
    assert "those climbs saw nothing" in said(task, opened, left_out)[1]
    ended = climbed(task, opened)
    assert (ended.ledger.number, ended.ledger.left_out, ended.ledger.rows) == (1, met, len(rows) - seen)
    assert f"left out: {met} of {len(rows) - seen + met} test rows" in ended.ledger.lines[1]
    assert all(rung.verdict is None or rung.verdict.n_total == len(rows) - seen for rung in ended.rungs)
    # The rows that judged are what the next climb meets again: the very same ones, so that a lower bar is free.
    lower = climbed(replace(task, quality=replace(task.quality, at_least=task.quality.line - 0.1)), opened)
    assert lower.ledger.number is None and lower.ledger.left_out == met
    second = climbed(replace(task, instruction=f"{task.instruction} Again."), opened)
    assert (second.ledger.number, second.ledger.left_out) == (2, met)


def test_an_evaluation_leaves_out_few_that_were_seen_and_again_is_free(opened: Home, tmp_path: Path) -> None:
    task, asked, climb = planted(tmp_path, opened), Candidate(rung="r", base="b"), Candidate(rung="r", base="c")
    rows = task.split("test")
    seen, met = len(rows) // 2, len(rows) // 40
    charge_evaluation(with_test_rows(task, rows[:seen]), climb, opened)
    task = with_test_rows(task, rows[seen - met :])
    judging = open_to(task, asked, opened)
    assert [row.id for row in judging.split("test")] == [row.id for row in rows[seen:]]
    assert charge_evaluation(judging, asked, opened) == pytest.approx(0.0375), "the first on these rows"
    assert charge_evaluation(open_to(task, asked, opened), asked, opened) == pytest.approx(0.0375)
    assert standing_of(judging, opened).climbs == 1
    answered = tuple(Row(example=row.id, group=row.group, answer=Answer(text=""), scores={}) for row in judging.split("test"))
    again, told = after_evaluation(task, Run(candidate="b", task=task.digest, split="test", rows=answered), opened)
    assert again == judging and told[1].startswith(f"Left out: {met} of {len(rows) - seen + met} test rows")


def test_an_evaluation_on_all_rows_stays_free_after_another_met_a_few_of_them(opened: Home, tmp_path: Path) -> None:
    task, asked = planted(tmp_path, opened), Candidate(rung="r", base="b")
    charge_evaluation(open_to(task, asked, opened), asked, opened)
    charge_evaluation(with_test_rows(task, task.split("test")[:2]), Candidate(rung="r", base="c"), opened)
    assert open_to(task, asked, opened) == task


def test_more_than_few_are_a_further_climb(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    rows = task.split("test")
    charge_evaluation(with_test_rows(task, rows[: len(rows) // 4]), Candidate(rung="r", base="b"), opened)
    assert few_seen(task, opened) == frozenset()
    assert standing_of(task, opened).climbs == 1


def test_what_shares_a_group_with_a_row_that_was_seen_is_left_out_with_it(opened: Home, tmp_path: Path) -> None:
    task = planted(tmp_path, opened)
    rows = tuple(replace(row, group=f"g{number // 5}") for number, row in enumerate(task.split("test")))
    charge_evaluation(with_test_rows(task, rows[7:8]), Candidate(rung="r", base="b"), opened)
    task = with_test_rows(task, rows)
    assert few_seen(task, opened) == {row.id for row in rows[5:10]}
    assert standing_of(at_gate(task, few_seen(task, opened)), opened).climbs == 0


def test_no_row_is_ever_looked_at_for_more_than_alpha(opened: Home, tmp_path: Path) -> None:
    """Samples of one file that overlap by chance, a little or a lot: what the climbs that looked at a row were charged sums to at
    most alpha, for every row, and so does the chance that any of them passed something wrongly."""
    task, draw = planted(tmp_path, opened), random.Random(3)
    rows, spent, numbers = task.split("test"), Counter[str](), Counter[int]()
    for number in range(25):
        sample = with_test_rows(task, draw.sample(rows, draw.choice((4, 12, 40))))
        judging = at_gate(sample, few_seen(sample, opened))
        alpha = charge_evaluation(judging, Candidate(rung="r", base=str(number)), opened)
        numbers[standing_of(judging, opened).climbs] += 1
        spent.update({key: alpha for key in locked_rows(judging)})  # type: ignore[dict-item]
    assert max(spent.values()) <= task.alpha + 1e-12
    assert numbers[1] > 1 and max(numbers) > 3
