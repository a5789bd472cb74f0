"""The decision alone: a climb is replayed from states, without a model."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from rung.climb.decide import Build, Diagnose, Finish, Gate, Measure, RungState, Simplify, next_step, outcome

LADDER = ("r0_linear", "r1_prompt", "r4_adapter")
CHEAP = LADDER[:2]


def play(verdicts, *, every=False, exempt=(), skipped=(), hopeless=MappingProxyType({})):
    """Runs a climb whose rungs end as `verdicts` says; returns the steps but for the last ones on dev, and the end."""
    states = [
        RungState(
            name=name,
            cheap=name in CHEAP,
            exempt="baseline" if name in exempt else "",
            skipped="no documents" if name in skipped else "",
        )
        for name in LADDER
    ]
    steps = []
    diagnosed = False
    while not isinstance(step := next_step(states, every=every, diagnosed=diagnosed), Finish):
        steps.append(step)
        assert len(steps) < 50
        if step == Diagnose():
            diagnosed = True
            states = [replace(state, skipped=hopeless.get(state.name, "") or state.skipped) for state in states]
            continue
        index = LADDER.index(step.rung)
        changes = {
            Build: {"built": True},
            Gate: {"status": verdicts.get(step.rung)},
            Simplify: {"simplified": True},
            Measure: {"measured": True},
        }
        states[index] = replace(states[index], **changes[type(step)])
    built = [state.name for state in states if state.built]
    own = len(steps) - len(built)
    assert steps[own:] == [Measure(name) for name in built], "dev is looked at whole once all verdicts are there"
    return steps[:own], step


def test_stops_at_the_first_pass_and_tries_one_thing_cheaper():
    steps, end = play({"r0_linear": "fail", "r1_prompt": "pass"})
    assert steps == [Build("r0_linear"), Gate("r0_linear"), Build("r1_prompt"), Gate("r1_prompt"), Simplify("r1_prompt")]
    assert end == Finish("pass", "r1_prompt")


def test_every_rung_is_measured_but_the_lowest_pass_wins():
    steps, end = play({"r0_linear": "undecided", "r1_prompt": "pass", "r4_adapter": "pass"}, every=True)
    assert [type(step) for step in steps].count(Gate) == 3
    assert [step for step in steps if isinstance(step, Simplify)] == [Simplify("r1_prompt")]
    assert end == Finish("pass", "r1_prompt")


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (("fail", "fail", "fail"), "fail"),
        (("fail", "undecided", "fail"), "undecided"),
        (("undecided", "undecided", "undecided"), "undecided"),
    ],
)
def test_without_a_pass(verdicts, status):
    steps, end = play(dict(zip(LADDER, verdicts, strict=True)))
    assert end == Finish(status, None)
    assert not [step for step in steps if isinstance(step, Simplify)]


def test_a_baseline_is_built_first_and_never_judged():
    steps, end = play({"r0_linear": "fail", "r4_adapter": "pass"}, exempt=("r1_prompt",))
    assert steps[0] == Build("r1_prompt")
    assert Gate("r1_prompt") not in steps
    assert end == Finish("pass", "r4_adapter")


def test_skipped_rungs_are_left_alone():
    steps, end = play({"r0_linear": "fail", "r1_prompt": "fail"}, skipped=("r4_adapter",))
    assert Build("r4_adapter") not in steps
    assert end == Finish("fail", None)


def test_nothing_judged_is_undecided_not_failed():
    assert outcome([RungState(name="r0_linear", skipped="does not apply")]) == ("undecided", None)


def test_what_is_missing_is_asked_once_before_the_first_dear_rung():
    steps, _ = play({"r0_linear": "fail", "r1_prompt": "undecided", "r4_adapter": "pass"})
    assert steps.count(Diagnose()) == 1
    assert steps[4:6] == [Diagnose(), Build("r4_adapter")]


def test_a_pass_of_a_cheap_rung_needs_no_diagnosis_unless_every_rung_is_measured():
    assert Diagnose() not in play({"r0_linear": "fail", "r1_prompt": "pass"})[0]
    steps, end = play({"r0_linear": "fail", "r1_prompt": "pass", "r4_adapter": "fail"}, every=True)
    assert steps.count(Diagnose()) == 1
    assert end == Finish("pass", "r1_prompt")


def test_without_a_dear_rung_what_is_missing_is_told_before_the_end():
    steps, end = play({"r0_linear": "fail", "r1_prompt": "fail"}, skipped=("r4_adapter",))
    assert steps[-1] == Diagnose() and end == Finish("fail", None)
    assert play({}, skipped=LADDER)[0] == [], "nothing was judged, so there is nothing to explain"


def test_a_baseline_among_the_dear_rungs_is_built_before_the_diagnosis():
    steps, _ = play({"r0_linear": "fail", "r1_prompt": "pass"}, exempt=("r4_adapter",))
    assert steps[0] == Build("r4_adapter")
    assert Diagnose() not in steps


def test_a_hopeless_rung_is_not_tried_and_the_climb_ends_as_the_gate_said():
    steps, end = play({"r0_linear": "fail", "r1_prompt": "fail"}, hopeless={"r4_adapter": "labels contradict each other"})
    assert steps[-1] == Diagnose()
    assert end == Finish("fail", None)
