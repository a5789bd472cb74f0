"""The decision alone: a climb is replayed from states, without a model."""

from dataclasses import replace

import pytest

from rung.climb.decide import Build, Finish, Gate, RungState, Simplify, next_step, outcome

LADDER = ("r0_linear", "r1_prompt", "r4_adapter")


def play(verdicts, *, every=False, exempt=(), skipped=()):
    """Runs a climb whose rungs end as `verdicts` says; returns the steps and the end."""
    states = [
        RungState(name=name, exempt="baseline" if name in exempt else "", skipped="no documents" if name in skipped else "")
        for name in LADDER
    ]
    steps = []
    while not isinstance(step := next_step(states, every=every), Finish):
        steps.append(step)
        index = LADDER.index(step.rung)
        change = {Build: {"built": True}, Gate: {"status": verdicts.get(step.rung)}, Simplify: {"simplified": True}}[type(step)]
        states[index] = replace(states[index], **change)
        assert len(steps) < 50
    return steps, step


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
    assert all(step.rung != "r4_adapter" for step in steps)
    assert end == Finish("fail", None)


def test_nothing_judged_is_undecided_not_failed():
    assert outcome([RungState(name="r0_linear", skipped="does not apply")]) == ("undecided", None)
