"""Rollouts go from state to state where they stand as they were seen; what was seen of answers is read in one order."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from databases import tampering

from rung.errors import UserError
from rung.registry.home import Home, open_home
from rung.registry.rollout_states import FINAL, MOVES, Measure, Observed, Plan, RolloutChange, State

MEASURES = (Measure(name="answered", kind="answered"), Measure(name="in time", kind="seconds", limit=2.0))


def a_plan(name: str = "spam", **fields: Any) -> Plan:
    given = {"name": name, "version": 7, "champion": 3, "kind": "canary", "steps": (0.05, 1.0), "harm": 0.05, "alpha": 0.01}
    return Plan(**{**given, "measures": MEASURES, **fields})


def seen(rollout: str, answer: str, **fields: Any) -> Observed:
    given = {"rollout": rollout, "answer": answer, "kind": "answer", "arm": "champion", "unit": "u", "share": 0.05, "scores": {}}
    return Observed(**{**given, **fields})


def test_what_was_asked_for_is_kept_and_found_by_its_name_and_by_its_id(registry: Home) -> None:
    begun = registry.rollouts.begin(a_plan(), who="anna", ends="2027-01-01T00:00:00.000+00:00", said="spam@7 against spam@3")
    assert begun.id.startswith("rollout-") and (begun.state, begun.number, begun.step, begun.share) == ("running", 0, 0, 0.05)
    assert begun.plan == a_plan() and begun.plan.ref == "spam@7" and begun.promotes
    for ref in ("spam", begun.id, begun.id[:12], begun.id[8:14]):
        assert registry.rollouts.get(ref) == begun
    for ref in ("tone", "rollout-zz", "%", ""):
        with pytest.raises(UserError, match=f"there is no rollout of '{ref}'"):
            registry.rollouts.get(ref)
    with pytest.raises(UserError, match=f"a rollout of spam is running: {begun.id}"):
        registry.rollouts.begin(a_plan(version=8))
    other = registry.rollouts.begin(a_plan("tone"))
    assert [one.id for one in registry.rollouts.all()] == [other.id, begun.id]
    assert [one.id for one in registry.rollouts.all(("running",), "spam")] == [begun.id]
    registry.rollouts.change(begun, RolloutChange(state="stopped", kind="stopped", said="enough"))
    second = registry.rollouts.begin(a_plan(version=8))
    assert registry.rollouts.get("spam") == second and second.secret != begun.secret


def test_of_two_that_act_at_once_one_is_refused_and_nothing_of_it_stays(registry: Home) -> None:
    begun = registry.rollouts.begin(a_plan())
    worse = RolloutChange(state="rolled-back", kind="rolled-back", said="worse", evidence={"e": 120.5})
    back = registry.rollouts.change(begun, worse)
    with pytest.raises(UserError, match="the rollout of spam is rolled-back meanwhile: worse"):
        registry.rollouts.change(begun, RolloutChange(state="promoted", kind="promoted"))
    with pytest.raises(UserError, match="it cannot be running now"):
        registry.rollouts.change(back, RolloutChange(state="running", kind="resumed"))
    assert [(event.kind, event.number) for event in registry.rollouts.events(begun.id)] == [("begun", 0), ("rolled-back", 1)]
    assert registry.rollouts.events(begun.id)[1].evidence == {"e": 120.5}
    lines = registry.audit.lines(begun.id)
    assert [(line.kind, line.payload["state"]) for line in lines] == [("rollout", "running"), ("rollout", "rolled-back")]
    assert registry.integrity.faults() == []


def test_from_what_is_over_nothing_comes_but_the_rollback_of_what_was_promoted() -> None:
    assert set(MOVES) == set(get_args(State))
    assert {state: MOVES[state] for state in FINAL} == {"promoted": ("rolled-back",), "rolled-back": (), "stopped": ()}


def test_an_event_that_was_changed_or_taken_out_is_seen(registry: Home) -> None:
    begun = registry.rollouts.begin(a_plan())
    registry.rollouts.change(begun, RolloutChange(state="rolled-back", kind="rolled-back", said="worse"))
    registry.close()
    with tampering(registry.path) as raw:
        raw.execute("UPDATE rollout_events SET said = 'better' WHERE number = 1")
    with open_home() as home:
        assert any(f"{begun.id} in rollout_events was changed" in fault for fault in home.integrity.faults())


def test_what_was_seen_is_read_in_the_order_in_which_it_was_written(registry: Home) -> None:
    begun, other = registry.rollouts.begin(a_plan()), registry.rollouts.begin(a_plan("tone"))
    registry.rollouts.observe([seen(begun.id, f"a{number}", scores={"answered": 1.0}) for number in range(3)])
    registry.rollouts.observe([seen(other.id, "b0"), seen(begun.id, "a1", kind="feedback", scores={"feedback": 0.0})])
    registry.rollouts.observe([])
    rows = registry.rollouts.observed(begun.id)
    assert [(row.answer, row.kind) for row in rows] == [("a0", "answer"), ("a1", "answer"), ("a2", "answer"), ("a1", "feedback")]
    assert [row.answer for row in registry.rollouts.observed(begun.id, rows[1].seq)] == ["a2", "a1"]
    assert [row.answer for row in registry.rollouts.observed(begun.id, limit=1)] == ["a0"]
    known = registry.rollouts.answers(["a1", "b0", "zz"])
    assert {name: (row.rollout, row.kind) for name, row in known.items()} == {
        "a1": (begun.id, "answer"),
        "b0": (other.id, "answer"),
    }
    assert registry.rollouts.answers([]) == {}
