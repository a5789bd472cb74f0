"""From figures to a cause, without a model: the rules by example, the skips by simulation."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rung.climb.diagnosis.attribution import (
    SKIP_ERROR,
    ArmReading,
    Patient,
    ProbeReading,
    attribution,
    causes,
    flips,
    holds_target,
    leading,
    most_reached,
    read_arm,
    skips,
)
from rung.climb.diagnosis.case import Arm, Case, Sample, enough_of_each, take_sample
from rung.climb.diagnosis.diagnosis import diagnosed
from rung.progress import Silent
from rung.rungs.causes import SKILL, TOOL
from rung.types import Candidate, Example
from rung.verify.stats.strata import Strata

CAUSES = {cause.name: cause for cause in causes()}
ALL = ("r0_linear", "r1_prompt", "r2_retrieve", "r3_tools", "r4_adapter", "r5_full")


def patient(plain: float = 0.4, bar: float | None = 0.8, n: int = 80, failures: int = 48, **rest) -> Patient:
    failing = tuple(place < failures for place in range(n))
    return Patient(**{"n": n, "failures": failures, "failing": failing, "of": {}, "plain": plain, "bar": bar, "rungs": ALL, **rest})


def probe(name: str, after: float, *, before: float = 0.4, p: float = 0.001, **rest) -> ProbeReading:
    figures = {
        "before": before,
        "after": after,
        "lift": after - before,
        "lower": after - before - 0.1,
        "upper": after - before + 0.1,
    }
    arm = ArmReading(name=f"{name} given", n=80, flipped=0, broken=0, p=p, shows=True, **figures)
    told = {"name": name, "title": name, "cause": CAUSES[name], "arms": (arm,), "asked": frozenset(range(80))}
    return ProbeReading(**{**told, **rest})


def cause(*probes: ProbeReading, **known) -> str:
    return leading(patient(**known), probes).name


def test_the_cheapest_that_reaches_the_bar_leads_not_the_largest_lift():
    assert cause(probe("format", 0.82), probe("demonstrations", 0.9), probe("tool", 1.0)) == "format"
    assert cause(probe("tool", 0.81), probe("knowledge", 0.99)) == "knowledge"
    assert cause(probe("trivial", 0.81), probe("knowledge", 0.99)) == "trivial"
    assert cause(probe("format", 0.79), probe("tool", 0.85)) == "tool"


def test_the_plain_instruction_at_the_bar_is_solved_unless_a_linear_model_is_as_well():
    assert cause(probe("format", 0.95), plain=0.85) == "solved"
    assert cause(probe("trivial", 0.85), plain=0.85) == "trivial"


def test_a_cause_whose_rung_failed_at_the_gate_cannot_lead():
    probes = (probe("format", 0.82), probe("knowledge", 0.9))
    assert cause(*probes) == "format"
    assert cause(*probes, failed=frozenset({"r1_prompt"})) == "knowledge"


def test_labels_lead_only_where_nothing_reaches_the_bar_and_nothing_can():
    ceiling = probe("labels", 0.4, ceiling=0.7, likely_ceiling=0.6)
    assert cause(ceiling, probe("demonstrations", 0.5)) == "labels"
    assert cause(ceiling, probe("tool", 0.9)) == "tool"
    doubtful = probe("labels", 0.4, ceiling=0.83, likely_ceiling=0.7)
    assert cause(doubtful, probe("demonstrations", 0.5)) == "unexplained"


def test_skill_is_what_is_left_when_all_else_could_have_told():
    sound = probe("labels", 0.4, ceiling=0.99, likely_ceiling=1.0)
    assert cause(sound, probe("knowledge", 0.45), probe("tool", 0.42), probe("demonstrations", 0.5)) == "skill"
    silent = ProbeReading(name="oracle_tool", title="", cause=TOOL, reason="no row says which calls are right")
    assert cause(sound, probe("knowledge", 0.45), silent) == "unexplained"
    assert cause(sound, silent, rungs=("r0_linear", "r1_prompt", "r4_adapter")) == "skill"
    assert cause(sound, n=15, failures=9) == "unexplained"


def test_documents_that_bring_most_of_the_way_lead_before_skill():
    assert cause(probe("knowledge", 0.7), probe("demonstrations", 0.6)) == "knowledge"
    assert cause(probe("knowledge", 0.55), probe("tool", 0.45)) == "skill"
    assert cause(probe("knowledge", 0.7, p=0.2), probe("tool", 0.45)) == "skill"


def test_without_a_bar_a_sure_lift_is_enough():
    assert cause(probe("format", 0.5, p=0.3), probe("knowledge", 0.9), bar=None) == "knowledge"
    assert cause(probe("format", 0.5, p=0.3), bar=None) == "skill"


def test_each_failure_is_counted_once_for_the_cheapest_that_puts_it_right():
    told = attribution(
        patient(failures=10),
        [probe("tool", 0.9, flips=frozenset(range(8))), probe("format", 0.5, flips=frozenset({0, 1, 70}))],
    )
    assert [(line.cause, line.flipped) for line in told] == [("format", 2), ("tool", 6), ("unexplained", 2)]
    assert sum(line.share for line in told) == pytest.approx(1.0)


def test_a_diagnosis_says_its_figures_and_what_it_did_not_exclude():
    told = diagnosed(patient(rungs=("r0_linear", "r1_prompt", "r4_adapter")), [probe("demonstrations", 0.5)])
    assert told.cause == SKILL and told.rung == "r4_adapter"
    assert "40.0%" in told.sentence and "by elimination" in told.sentence
    assert "no documents and no tools" in told.sentence
    assert set(CAUSES.values()) >= {told.cause}


def test_a_probe_of_a_rung_that_failed_is_told_apart_from_what_is_still_open():
    told = diagnosed(patient(failed=frozenset({"r1_prompt"})), [probe("demonstrations", 0.86), probe("knowledge", 0.5)])
    assert told.cause == SKILL
    assert "(the best, knowledge given: 50.0%); demonstrations given come to 86.0% on 80 dev rows, but" in told.sentence


def test_only_upper_bounds_below_the_bar_skip():
    documents = patient(rungs=("r0_linear", "r1_prompt", "r2_retrieve", "r4_adapter"))
    assert skips(documents, [probe("knowledge", 0.5, most=0.69)]) != {}
    assert skips(documents, [probe("knowledge", 0.5, most=0.71)]) == {}, "the rung may find a better form than the probe"
    assert skips(patient(), [probe("knowledge", 0.5, most=0.69)]) == {}, "documents and tools together may do what neither does"
    assert skips(patient(bar=None), [probe("knowledge", 0.5, most=0.1)]) == {}
    assert skips(patient(rungs=("r4_adapter",)), [probe("knowledge", 0.5, most=0.1)]) == {}
    everything = skips(patient(), [probe("labels", 0.4, ceiling=0.7, likely_ceiling=0.65)])
    assert set(everything) == {"r2_retrieve", "r3_tools", "r4_adapter", "r5_full"}
    assert "labels contradict" in everything["r4_adapter"]


def sample(n: int, right: float, draw: random.Random) -> Sample:
    rows = [Example(id=str(i), messages=()) for i in range(n)]
    return take_sample(rows, tuple(float(draw.random() < right) for _ in rows), 1.0, 160)


def test_a_rung_at_the_bar_is_hardly_ever_skipped():
    """The rung's truth is the bar itself: its upper bound falls below the bar no more often than a third of SKIP_ERROR."""
    draw, wrong, looks = random.Random(1), 0, 1500
    for number in range(looks):
        seen = sample(400 if number % 2 else 100, 0.3, draw)
        arm = Arm(
            name="given",
            places=tuple(range(len(seen))),
            values=tuple(float(draw.random() < (0.9 if before else 4.8 / 7)) for before in seen.before),
            against=seen.before,
        )
        wrong += most_reached([arm], seen) < 0.3 * 0.9 + 0.7 * 4.8 / 7
    assert wrong / looks <= SKIP_ERROR / 3 * 1.3


def raced(truth: float, draw: random.Random, *, bar: float, margin: float = 0.0) -> tuple[Case, Arm]:
    """An arm whose every row is right with this chance, asked as far as it takes to settle it."""
    n = 400 if draw.random() < 0.5 else 160
    seen = sample(n, 0.5, draw)
    case = Case(
        task=SimpleNamespace(),
        context=SimpleNamespace(progress=Silent()),
        sample=seen,
        plain=Candidate(rung="r1_prompt", base="b"),
        bar=bar,
        margin=margin,
    )
    drawn = [float(draw.random() < truth) for _ in range(len(seen))]

    def asked(places: tuple[int, ...]) -> Arm:
        values = tuple(drawn[place] for place in places)
        return Arm(name="given", places=places, values=values, against=tuple(seen.before[place] for place in places))

    return case, case._raced(tuple(range(len(seen))), asked)


def test_a_raced_arm_at_the_bar_is_hardly_ever_taken_for_one_below_it():
    draw, below, skipped = random.Random(3), 0, 0
    for _ in range(600):
        case, arm = raced(0.6, draw, bar=0.6)
        below += arm.of > len(arm.places) and sum(arm.values) / len(arm.values) < 0.6
        skipped += most_reached([arm], case.sample) < 0.6
    assert below / 600 <= SKIP_ERROR / 3 / 2 * 1.3
    assert skipped / 600 <= SKIP_ERROR / 3 * 1.3


@pytest.mark.parametrize(("truth", "most"), [(0.2, 70), (0.95, 115), (0.6, 160)])
def test_a_raced_arm_asks_few_rows_where_it_is_clear(truth: float, most: int):
    draw = random.Random(4)
    rows = [len(raced(truth, draw, bar=0.65)[1].places) for _ in range(60)]
    assert sum(rows) / 60 <= most and max(rows) <= 160


def test_an_arm_that_a_rung_may_yet_be_skipped_for_is_asked_until_it_lies_below_the_margin():
    draw = random.Random(5)
    near = [len(raced(0.45, draw, bar=0.65, margin=0.1)[1].places) for _ in range(40)]
    assert sum(near) / 40 > 150


def test_failures_that_one_probe_was_not_asked_at_are_put_down_to_nothing():
    half = probe("format", 0.5, flips=frozenset({0, 1}), asked=frozenset(range(5)))
    told = attribution(patient(failures=10), [probe("tool", 0.9, flips=frozenset(range(8))), half])
    assert [(line.cause, line.flipped, line.share) for line in told] == [
        ("format", 2, 0.4),
        ("tool", 3, 0.6),
        ("unexplained", 0, 0.0),
    ]


def test_the_plain_instruction_is_asked_no_more_rows_where_each_kind_is_there():
    assert enough_of_each([True] * 40 + [False] * 120, 160)
    assert not enough_of_each([True] * 39 + [False] * 121, 160)
    assert not enough_of_each([True] * 160, 160)


def test_means_and_bounds_are_of_dev_not_of_the_sample():
    draw, covered, looks = random.Random(2), 0, 400
    errors = []
    for _ in range(looks):
        seen = sample(400, 0.8, draw)
        assert len(seen) == 160 and sum(seen.strata.inside) == min(80, seen.strata.first)
        after = tuple(float(draw.random() < (0.95 if before else 0.5)) for before in seen.before)
        arm = Arm(name="changed", places=tuple(range(160)), values=after, against=seen.before)
        read = read_arm(arm, seen, 1.0)
        truth = 0.2 * 0.5 - 0.8 * 0.05
        errors.append(read.lift - truth)
        covered += read.lower <= truth <= read.upper
        assert read.flipped == len(flips([arm], seen, 1.0))
    assert abs(sum(errors) / looks) < 0.005
    assert covered / looks >= 0.95


def test_rows_that_are_not_known_count_as_right_towards_what_may_be_reached():
    strata = Strata(inside=(True,) * 40, groups=("",) * 40, all_inside=(True,) * 40, all_groups=("",) * 40)
    seen = Sample(examples=tuple(Example(id=str(i), messages=()) for i in range(40)), before=(0.0,) * 40, strata=strata)
    arm = Arm(name="given", places=tuple(range(40)), values=(0.0,) * 40, against=(0.0,) * 40)
    hidden = Arm(name="given", places=arm.places, values=arm.values, against=arm.against, unknown=(True,) * 30 + (False,) * 10)
    assert most_reached([arm], seen) < 0.2
    assert most_reached([hidden], seen) > 0.75


def test_a_check_that_may_be_too_strict_is_told():
    strict = replace(probe("format", 0.5).arms[0], holding=30)
    probes = (replace(probe("format", 0.5), arms=(strict,)), probe("tool", 0.82))
    told = diagnosed(patient(verbatim=True), probes).sentence
    assert "30 of 80 answers fail although they hold their target" in told and "contains" in told
    assert "hold their target" not in diagnosed(patient(), probes).sentence
    assert "hold their target" not in diagnosed(patient(verbatim=True), (probe("tool", 0.82),)).sentence


@pytest.mark.parametrize(
    ("target", "text", "holds"),
    [
        ("nine", "It has  NINE\nwheels.", True),
        ("nine", "It has ninety wheels.", False),
        ("€9.50 (net)", "that is €9.50 (net), today", True),
        (["no", "nine wheels"], "It has nine  wheels", True),
        ({"a": 1}, '{"a": 1}', False),
        ("", "anything", False),
    ],
)
def test_a_target_is_held_as_whole_words(target, text, holds):
    assert holds_target(target, text) is holds
