"""The scoring of climbs over worlds, on records made up for it."""

from dataclasses import replace

import pytest

from rung.cli.worlds import open_worlds

scoring = open_worlds().scoring
GOOD = scoring.Outcome(
    world="facts",
    planted="knowledge",
    named="knowledge",
    cheapest="r2_retrieve",
    chosen="r2_retrieve",
    status="pass",
    bar=0.75,
    could_tell=True,
    built=("r1_prompt", "r2_retrieve"),
    truth=0.96,
    seconds=1.0,
)
DEARER = replace(GOOD, chosen="r4_adapter")
NONE = replace(GOOD, chosen=None, status="fail", truth=None)
FALSE = replace(GOOD, chosen="r1_prompt", truth=0.1)
WRONG_CAUSE = replace(GOOD, named="skill")
STOPPED = replace(NONE, world="noise", planted="labels", named="labels", cheapest=None)


@pytest.mark.parametrize(
    ("one", "right_cause", "false_pass", "regret"),
    [
        (GOOD, True, False, 0),
        (DEARER, True, False, 2),
        (NONE, True, False, None),
        (FALSE, True, True, None),
        (WRONG_CAUSE, False, False, 0),
        (STOPPED, True, False, None),
        (replace(STOPPED, chosen="r4_adapter", status="pass"), True, True, None),
        (replace(FALSE, truth=None), True, True, None),
        (replace(DEARER, truth=None), True, False, 2),
    ],
)
def test_what_follows_from_a_record(one, right_cause, false_pass, regret):
    assert (one.right_cause, one.false_pass, one.regret) == (right_cause, false_pass, regret)


def test_a_summary_counts_a_missed_rung_as_dearer_only_where_the_gate_could_tell():
    told = scoring.summary([GOOD, DEARER, NONE, FALSE, WRONG_CAUSE, STOPPED, replace(NONE, could_tell=False, status="undecided")])
    assert told == {
        "climbs": 7,
        "right_causes": 6,
        "false_passes": 1,
        "could_tell": 5,
        "dearer": 3,
        "regret": 2,
        "undecided": 1,
    }


def test_each_world_has_its_own_line():
    assert {name: told["climbs"] for name, told in scoring.by_world([GOOD, STOPPED, GOOD]).items()} == {"facts": 2, "noise": 1}


def test_a_markdown_table_shows_what_is_not_known():
    assert scoring.markdown(["a", "b"], [[1, None]]) == "| a | b |\n| --- | --- |\n| 1 | — |\n"
