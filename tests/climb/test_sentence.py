"""A climb's verdict in words: the bound first, what broke which limit, what a second try costs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from documents import least_document

from rung.climb.decide import Finish
from rung.climb.more_labels import of_verdict
from rung.climb.sentence import between, proven, second_try, sentence
from rung.registry.documents import Ledger, RungRecord
from rung.types import Bar, Status, Task, Verdict
from rung.verify.foresight import Foresight

BAR = Bar(scorer="exact", at_least=0.9)
DIFFERENCE = Bar(scorer="exact", better_than="r0_linear", by=0.01)
TASK = Task(name="t", base="b", instruction="", examples=(), quality=BAR)
LEDGER = Ledger(number=1, alpha=0.0375, spent=0.0, seen=0, rows=1200, next_alpha=0.00625, lines=())
RUNG = least_document("c", "").rungs[0]
DEV = Foresight(rows=100, missing=0, mean=0.72, upper=0.81, variance=0.2, line=0.9)


def verdict(status: Status, **changed: Any) -> Verdict:
    known = Verdict(
        status=status,
        estimate=0.943,
        lower=0.92149,
        upper=0.9601,
        n=312,
        n_total=1200,
        missing=0,
        alpha=0.0125,
        bar=0.9,
        stopped_by="e-process",
        reason="so it is",
    )
    return replace(known, **changed)


def rung(name: str, status: Status, broken: str = "", **changed: Any) -> RungRecord:
    return replace(RUNG, rung=name, title=name, verdict=verdict(status, **changed), broken=broken, alpha=0.0125)


def open_rung(name: str, *, dev: Foresight | None = None, equal: float = 0.0125, **changed: Any) -> RungRecord:
    """Left undecided, at an alpha of 1.25%, where an equal share is `equal`."""
    found = rung(name, "undecided", **changed)
    assert found.verdict is not None
    return replace(found, more_labels=of_verdict(BAR, found.verdict, dev, equal))


def said(status: Status, *rungs: RungRecord, winner: str | None = None, ledger: Ledger = LEDGER) -> str:
    record = SimpleNamespace(kept=lambda _: None, diagnosis=None)
    climb: Any = SimpleNamespace(task=TASK, record=record)
    return sentence(climb, Finish(status, winner), rungs, ledger)


def test_the_bound_leads_and_is_not_rounded_onto_the_bar() -> None:
    assert proven(verdict("pass"), BAR) == "at least 92.1% (estimate 94.3% on 312 test rows)"
    assert proven(verdict("pass", lower=0.8996), BAR).startswith("at least 89.9%"), "never up onto the bar"
    assert proven(verdict("pass", lower=0.9), BAR).startswith("at least 90.0%")
    perfect = verdict("pass", estimate=1.0, lower=0.9573, n=100)
    assert proven(perfect, BAR) == "at least 95.7% (estimate 100.0% on 100 test rows)", "no failure is no proof of none"
    assert (
        proven(verdict("pass", lower=0.0212, estimate=0.034), DIFFERENCE)
        == "at least +2.1 points (estimate +3.4 points on 312 test rows)"
    )
    assert between(verdict("fail"), BAR) == "92.1% to 96.0% (estimate 94.3% on 312 test rows)"
    assert between(verdict("undecided", lower=None, upper=None), BAR) == "94.3% on 312 test rows"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "at a chance of at most 3.75% that any rung of this climb passes wrongly."),
        (
            {"number": 2, "alpha": 0.00625, "spent": 0.0375},
            "at most 0.62% that any rung of this climb passes wrongly, and of 4.38% in all 2",
        ),
        (
            {"number": None, "alpha": 0.0, "spent": 0.0375},
            "which earlier climbs on these rows have paid for: a chance of at most 3.75%",
        ),
    ],
)
def test_a_pass_says_the_error_of_this_climb_and_of_all(changed: dict[str, Any], words: str) -> None:
    told = said("pass", rung("prompt", "pass"), winner="prompt", ledger=replace(LEDGER, **changed))
    assert told.startswith("Ship the prompt: at least 92.1% (estimate 94.3% on 312 test rows), the bar of 90.0% passed, ")
    assert words in told


def test_a_rung_that_broke_a_limit_is_not_said_to_be_below_the_bar() -> None:
    broke = "passed quality and broke 'tokens per answer': 62.0% of 312 answers were within 16, and 95% must be"
    assert said("fail", rung("prompt", "pass", broke)).startswith(f"No rung passes. The prompt {broke}.")
    mixed = said("fail", rung("linear", "fail", estimate=0.7), rung("prompt", "pass", broke))
    assert mixed.startswith(f"No rung passes: below the bar linear. The prompt {broke}. The best was the prompt:")
    assert "every one that was tried is shown to be below the bar" in said("fail", rung("linear", "fail"))


def test_a_second_try_costs_more_beside_these_rows_than_on_new_ones() -> None:
    told = second_try(TASK, [open_rung("prompt", needed=300), rung("linear", "fail")], LEDGER)
    assert told == (
        " About 300 more test labels would decide it. A second try has 0.62% of error left on these rows: it needs "
        "about 867 more labels beside them, or about 1,500 new test rows, which start afresh."
    )
    assert second_try(TASK, [rung("linear", "fail")], LEDGER) == ""


def test_a_share_that_dev_made_small_is_told_with_what_an_equal_one_would_do() -> None:
    small = open_rung("prompt", alpha=0.00075, needed=3000, dev=DEV, equal=0.0125)
    told = second_try(TASK, [small], LEDGER)
    assert told.startswith(
        " About 3,000 more test labels would decide it at the share of error that dev gave it (0.075%), about 1,440 at an equal "
        "share (1.25%; `alpha_shares: equal`). A second try at equal shares has 0.62% of error left on these rows: it needs about "
    )
    enough = open_rung("prompt", alpha=0.00075, needed=300, dev=DEV, equal=0.0125)
    assert "at an equal share (1.25%; `alpha_shares: equal`) the rows that there were would probably" in second_try(
        TASK, [enough], LEDGER
    )
    assert "at equal shares" not in second_try(TASK, [open_rung("prompt", needed=300, dev=DEV, equal=0.005)], LEDGER)


def test_who_is_not_helped_by_labels_is_told_why() -> None:
    none = " No number of test labels is expected to show a pass"
    hopeless = open_rung("prompt", alpha=0.00075, estimate=0.7, dev=DEV)
    assert second_try(TASK, [hopeless], LEDGER) == (
        f"{none}: dev says that it is below the bar (at most 81.0% on 100 rows, where 90.0% is asked for)."
    )
    assert second_try(TASK, [open_rung("a", estimate=0.88)], LEDGER) == f"{none}: its estimate of 88.0% is not above the bar."
    assert "not one of its answers could be scored" in second_try(TASK, [open_rung("a", estimate=None)], LEDGER)
    assert "while 40 answers have no score" in second_try(TASK, [open_rung("a", missing=40)], LEDGER)
    assert "is not foretold" in second_try(TASK, [open_rung("a")], LEDGER)


def test_of_several_the_one_that_labels_help_soonest_is_told_by_name() -> None:
    several = [open_rung("linear", estimate=0.88), open_rung("prompt", needed=300), open_rung("adapter", needed=800)]
    assert second_try(TASK, several, LEDGER).startswith(" Of the prompt: about 300 more test labels would decide it.")
