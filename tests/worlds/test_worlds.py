"""A hundred climbs of planted-cause worlds on the scripted model: is the cause named, and the cheapest rung chosen?

RUNG_ALL_WORLDS=1 makes over two hundred of them.
"""

from __future__ import annotations

import os

import pytest
from scripted_climbs import SKILL, climb_all, learning, worlds

from rung.registry.home import open_home

SEEDS = range(23 if os.environ.get("RUNG_ALL_WORLDS") else 12)
# A model that is right just less often than the bar asks: whatever passes here passes wrongly.
JUST_BELOW = 0.74
SEEDS_BELOW = range(10)
ALPHA = 0.05
scoring = worlds.scoring


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Climbs of every world with every seed."""
    return _climbed(tmp_path_factory.mktemp("planted"), list(worlds.WORLDS), SEEDS, SKILL)


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    """Climbs of a prompt and of documents that bring the model to just below the bar."""
    return _climbed(tmp_path_factory.mktemp("hopeless"), ["solved", "facts"], SEEDS_BELOW, JUST_BELOW)


def _climbed(folder, names, seeds, skill):
    """A home for each seed: a world with another seed asks some of the same questions, so that one home would charge for them."""
    found = []
    with learning():
        for seed in seeds:
            with open_home(folder / f"home-{seed}", write=True) as home:
                found += [climb_all(name, seed, home, folder, skill) for name in names]
    return found


def test_the_planted_cause_is_named(planted):
    told = scoring.summary(planted)
    titles = ["world", *told]
    lines = [[name, *line.values()] for name, line in scoring.by_world(planted).items()]
    print("\n" + scoring.markdown(titles, [*lines, ["all", *told.values()]]))
    assert told["climbs"] >= 100
    wrong = [(one.world, one.named) for one in planted if not one.right_cause]
    assert told["right_causes"] >= 0.95 * told["climbs"], wrong


def test_no_climb_picks_a_dearer_rung_than_needed_where_the_gate_could_tell(planted):
    told = scoring.summary(planted)
    assert told["could_tell"] == len(SEEDS) * (len(worlds.WORLDS) - 1), "the worlds' gates are made to tell"
    missed = [(one.world, one.chosen, one.status) for one in planted if one.could_tell and one.cheapest and one.regret != 0]
    assert not missed


def test_nothing_passes_wrongly_more_often_than_alpha(planted, hopeless):
    every = [*planted, *hopeless]
    assert scoring.summary(every)["false_passes"] <= ALPHA * len(every)
    told = scoring.summary(hopeless)
    print(f"\njust below the bar: {told}")
    assert told["false_passes"] <= ALPHA * len(hopeless)


def test_the_noisy_world_stops_without_training(planted):
    noisy = [one for one in planted if one.world == "noise"]
    assert all(one.chosen is None and one.named == "labels" for one in noisy)
    assert all("r4_adapter" not in one.built for one in noisy)
