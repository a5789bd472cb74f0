"""The trial of a scorer on rows: what is counted, what is found though it is rare, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.types import Bar, Example, Task
from rung.verify.near_misses.trial import SAMPLE_ROWS, try_bars, try_scorer
from rung.verify.near_misses.words import parting, sentence, trial_problems
from rung.verify.scoring import BoundScorer, bind


def rows(*targets: Any) -> tuple[Example, ...]:
    return tuple(
        Example(id=f"r{n}", messages=({"role": "user", "content": f"ask {n}"},), target=target, source=f"rows:{n}", split="train")
        for n, target in enumerate(targets)
    )


def bound(scorer: str, examples: tuple[Example, ...], **settings: Any) -> BoundScorer:
    return bind(Bar(scorer=scorer, config=settings)).settle(examples, Path())


def words(count: int) -> list[str]:
    return [f"{chr(97 + n % 26)}{chr(97 + n // 26)}pple" for n in range(count)]


def task(examples: tuple[Example, ...], *guards: Bar, **bar: Any) -> Task:
    return Task(name="t", base="pip:x", instruction="", examples=examples, quality=Bar(**bar), guards=guards)


def test_the_same_rows_and_seed_give_the_same() -> None:
    examples = rows(*[f"{n:05d}" for n in range(100)])
    assert try_scorer(bound("exact", examples), examples, 3) == try_scorer(bound("exact", examples), examples, 3)


def test_a_strict_scorer_catches_all() -> None:
    examples = rows(*[f"{n:05d}" for n in range(100)])
    trial = try_scorer(bound("exact", examples), examples)
    assert trial.caught == 1
    assert trial.rows == SAMPLE_ROWS
    assert {"digit changed", "zeros dropped", "empty answer", "other row's target"} <= {kind.kind for kind in trial.kinds}
    assert "every near miss" in sentence(trial)
    assert trial.ideals == ()


def test_a_kind_that_few_targets_contain_is_found() -> None:
    examples = rows(*words(390), *[f"2024-03-0{n} 15:30" for n in range(1, 4)])
    trial = try_scorer(bound("exact", examples), examples)
    assert "time changed" in {kind.kind for kind in trial.kinds}


def test_what_slips_has_an_example_and_is_an_error() -> None:
    examples = rows(*["salt", "pepper"] * 20)
    trial = try_scorer(bound("contains", examples), examples)
    slip = next(kind for kind in trial.slips if kind.kind == "all choices named")
    assert slip.example is not None
    assert (slip.example.said, slip.example.score) == ("pepper, salt", 1.0)
    assert slip.example.row.startswith("rows:")
    told = sentence(trial)
    assert "all choices named" in told
    assert "-> pepper, salt scored 1.0" in told
    assert trial.caught is not None
    assert trial.caught < 1
    (problem,) = trial_problems(task(examples, scorer="contains", at_least=0.5))
    assert problem.path == ("quality",)
    assert "accepts: [" in problem.text


def test_what_the_task_file_accepts_is_none() -> None:
    examples = rows(*["salt", "salt fish"] * 20)
    plain = try_scorer(bound("contains", examples), examples)
    accepts = tuple(kind.kind for kind in plain.slips)
    bar = Bar(scorer="contains", at_least=0.5, accepts=accepts)
    trial = try_scorer(bound("contains", examples), examples, 0, bar)
    assert trial.slips == ()
    assert {kind.kind for kind in trial.accepted} >= set(accepts)
    assert "the task file accepts it" in sentence(trial)
    assert trial_problems(task(examples, scorer="contains", at_least=0.5, accepts=accepts)) == []


def test_what_is_accepted_changes_no_digest() -> None:
    examples = rows("a", "b")
    assert task(examples, scorer="exact").digest == task(examples, scorer="exact", accepts=("negation",)).digest


def test_a_scorer_with_partial_credit_slips_where_a_near_miss_gets_as_much() -> None:
    examples = rows(*[{"a": f"x{n}", "b": "y"} for n in range(30)])
    trial = try_scorer(bound("json_fields", examples), examples)
    assert "field changed" in {kind.kind for kind in trial.kinds}
    assert "field changed" not in {kind.kind for kind in trial.slips}


def test_a_question_that_holds_its_answer_by_chance_is_no_fault() -> None:
    plain = rows(*["alpha", "bravo", "delta"] * 20)
    examples = tuple(
        Example(
            id=row.id,
            messages=({"role": "user", "content": f"is it {row.target}" if n < 4 else "which?"},),
            target=row.target,
            split="train",
        )
        for n, row in enumerate(plain)
    )
    trial = try_scorer(bound("contains", examples), examples)
    echoed = next(kind for kind in trial.kinds if kind.kind == "question echoed")
    assert echoed.slipped
    assert not echoed.fault


def test_rows_of_the_locked_split_are_shown_to_nobody() -> None:
    examples = rows(*[f"{n:05d}" for n in range(40)])
    locked = tuple(Example(id=f"t{n}", messages=row.messages, target="00777", split="test") for n, row in enumerate(examples))
    (trial,) = try_bars(task((*examples, *locked), scorer="exact", at_least=0.5))
    assert trial.rows == 40


def test_a_guard_is_named() -> None:
    examples = rows(*["salt", "salt fish"] * 20)
    guard = Bar(name="short", scorer="contains", at_least=0.5)
    _, trial = try_bars(task(examples, guard, scorer="exact", at_least=0.5))
    assert sentence(trial).startswith("The scorer of 'short' was tried")
    (problem,) = trial_problems(task(examples, guard, scorer="exact", at_least=0.5))
    assert problem.path == ("guards", "short")


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("00501", "501", ("00501", "501")),
        ("x", "", ("x", "''")),
        ("a" * 80 + "1" + "b" * 80, "a" * 80 + "2" + "b" * 80, ("..." + "a" * 12 + "1", "..." + "a" * 12 + "2")),
    ],
)
def test_two_texts_are_shown_where_they_part(one: str, other: str, shown: tuple[str, str]) -> None:
    assert all(text.startswith(begin) for text, begin in zip(parting(one, other), shown, strict=True))
