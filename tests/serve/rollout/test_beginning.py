"""What a rollout can be asked for, what it says when it begins, and what it cannot judge."""

from __future__ import annotations

from typing import Any

import pytest
from played_door import SCHEMA, judged, started
from shipped import ship

from rung.errors import UserError
from rung.registry.home import Home
from rung.serve.rollout import by_hand, kept_rows
from rung.serve.rollout.begin import Wanted, begin
from rung.serve.rollout.measures import judges_of
from rung.types import Bar, Candidate, Task


def test_a_guard_that_is_called_as_something_that_rung_measures_itself_keeps_its_own_name() -> None:
    form = Bar(scorer="json_schema", config={"schema": SCHEMA}, at_least=0.9, name="feedback")
    task = Task(name="spam", base="pip:llm", instruction="", examples=(), quality=form)
    assert [measure.name for measure in judges_of(task).measures] == ["answered", "feedback", "no complaint", "guard feedback"]
    assert "nothing is kept of its task" in judges_of(None).left_out[0]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({}, "a rollout needs to be told how the candidate is to answer"),
        ({"canary": "5"}, "'5' is no share of those who ask"),
        ({"canary": "0%"}, "a share of 0% is too small"),
        ({"canary": "100%"}, "a share of 100% is too large"),
        ({"canary": "5%", "steps": "10%,100%"}, "--canary 5% is not the first of --steps 10%,100%"),
        ({"steps": "25%,5%"}, "the steps of a rollout rise"),
        ({"steps": "5%,5%"}, "the steps of a rollout rise"),
        ({"steps": "100%"}, "100% at once is a promotion"),
        ({"steps": "5%,,100%"}, "'' is no share"),
        ({"ab": "50%", "steps": "50%,100%"}, "an A/B has one share and no steps"),
        ({"canary": "5%", "harm": 0.0}, "a harm of 0 points is none"),
        ({"canary": "5%", "harm": float("nan")}, "a harm of nan points is none"),
        ({"canary": "5%", "alpha": 0.9}, "an alpha of 0.9 is none"),
        ({"canary": "5%", "lasts": "soon"}, "'soon' is no duration"),
        ({"canary": "5%", "lasts": "9999w"}, "a rollout for 9999w is too long"),
        ({"canary": "5%", "to": "1"}, "spam@1 is the same as the champion"),
        ({"canary": "5%", "to": "@9"}, "no candidate is called 'spam@9'"),
        ({"canary": "5%", "to": "tone@2"}, "'tone@2' is a version of another name than spam"),
        ({"canary": "5%", "name": "spam@2"}, "'spam@2' names a version"),
        ({"canary": "5%", "name": "spma"}, "no candidate is called 'spma'"),
    ],
)
def test_what_cannot_be_a_rollout_is_refused_with_what_would_be_one(spam: Home, wanted: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem) as refused:
        started(spam, **wanted)
    assert refused.value.hint
    assert spam.rollouts.all() == []


def test_a_rollout_needs_a_champion_and_a_shadow_calls_no_tools_twice(spam: Home) -> None:
    from rung.parts import ToolSet, ToolUse
    from rung.registry.names import Evidence

    ship(spam, [1.0] * 60, name="tone")
    with pytest.raises(UserError, match="tone has no champion that a rollout could be held against"):
        started(spam, name="tone", canary="5%")
    with_tools = Candidate(rung="r3_tools", base="pip:llm@sha256:00", tools=ToolUse(toolset=ToolSet(tools=()), files="", steps=1))
    spam.candidates.add(with_tools, "")
    spam.names.register("spam", with_tools.id, Evidence())
    with pytest.raises(UserError, match="a shadow would call them once more"):
        started(spam, shadow=True)
    begun = begin(spam, Wanted(name="spam", canary="5%"))
    assert any("promotion will wait for its receipt" in note for note in begun.notes)


def test_what_was_rolled_back_before_is_said_when_it_begins_again(spam: Home) -> None:
    by_hand.abort(spam, started(spam, canary="5%"), "complaints")
    begun = begin(spam, Wanted(name="spam", canary="5%"))
    assert any("spam@2 was rolled back before" in note and "complaints" in note for note in begun.notes)


def test_the_rows_that_promotion_compares_on_are_those_that_the_home_kept(spam: Home) -> None:
    judged(spam)
    lock = spam.names.of(name="spam")[-1].evidence.task
    task = kept_rows(spam, lock)
    assert task is not None and len(task.split("test")) == 3 and task.digest == lock
    assert kept_rows(spam, "99" * 32) is None and kept_rows(spam, "") is None
