"""How many train rows a training takes, and that it is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from rung.rungs.base import labelled, rung_named
from rung.rungs.learnt_rows import FEWEST, affordable, learnt_rows, said_of
from rung.types import Bar, Example, Task


def task(rows: int, words: int = 6, **settings: object) -> Task:
    examples = tuple(
        Example(
            id=str(number),
            messages=({"role": "user", "content": f"{number} " + "word " * words},),
            target="rare" if number % 10 == 0 else "usual",
            split="train",
        )
        for number in range(rows)
    )
    return Task(
        name="t",
        base="pip:none",
        instruction="Say which.",
        examples=examples,
        quality=Bar(scorer="choice", at_least=0.5),
        settings={"r4_adapter": settings} if settings else {},
    )


def test_all_rows_where_they_are_few() -> None:
    few = task(FEWEST)
    assert learnt_rows(few, None, 2) == labelled(few)
    assert said_of(few, "r4_adapter", FEWEST) == ""


def test_many_rows_are_drawn_and_each_answer_keeps_its_share() -> None:
    many = task(9000)
    drawn = learnt_rows(many, None, 2)
    assert FEWEST < len(drawn) < 9000
    assert Counter(row.target for row in drawn)["rare"] == round(len(drawn) / 10)
    assert drawn == learnt_rows(replace(many, examples=many.examples[::-1]), None, 2)[::-1]


def test_longer_rows_and_more_epochs_are_fewer_rows() -> None:
    assert affordable(task(9000), labelled(task(9000)), 1) > affordable(task(9000), labelled(task(9000)), 3)
    assert affordable(task(9000, words=900), labelled(task(9000, words=900)), 2) == FEWEST


@pytest.mark.parametrize("rung", ["r4_adapter", "r5_full"])
def test_a_setting_raises_the_number_and_what_is_used_is_said(rung: str) -> None:
    many = replace(task(2000), settings={rung: {"train_rows": 1500}})
    used = len(rung_named(rung).learnt(many))
    assert used == 1500
    told = said_of(many, rung, used)
    assert "1,500 of the 2,000 train rows" in told
    assert f"{rung}: {{train_rows: 2000}}" in told
    assert len(rung_named(rung).learnt(replace(many, settings={rung: {"train_rows": 9999}}))) == 2000


def test_a_rung_that_says_nothing_learns_from_all() -> None:
    assert len(rung_named("r0_linear").learnt(task(3000))) == 3000
