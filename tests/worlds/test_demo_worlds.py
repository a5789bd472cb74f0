"""`rung demo worlds`, on two worlds and the scripted model; and what the generators promise."""

from __future__ import annotations

import errno
import json
import os

import pytest

from rung.cli import worlds as cli_worlds
from rung.cli.app import run
from rung.cli.worlds import open_worlds
from rung.errors import BrokenEnvironment

worlds = open_worlds()


@pytest.fixture
def two_worlds(home, monkeypatch):
    monkeypatch.setattr(cli_worlds, "BASE", worlds.SCRIPTED)
    monkeypatch.setattr(worlds, "WORLDS", {name: worlds.WORLDS[name] for name in ("trivial", "solved")})
    return home


def test_the_demo_prints_what_each_world_ended_at_and_goes_on_where_it_stopped(two_worlds, capsys):
    assert run(["demo", "worlds"]) == 0
    shown = capsys.readouterr().out
    assert "r0_linear" in shown
    assert "cheapest rung" in shown
    assert run(["demo", "worlds", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["chosen"] for one in told["worlds"]] == ["r0_linear", "r1_prompt"]
    assert told["summary"]["right_causes"] == 2


def test_a_misspelt_demo_is_pointed_at_the_worlds(home, capsys):
    assert run(["demo", "world"]) == 2
    assert "worlds" in capsys.readouterr().err


@pytest.mark.parametrize("name", worlds.WORLDS)
def test_a_world_is_its_seed_and_nothing_else(name, tmp_path):
    size = worlds.Size(train=12, dev=8, test=8)
    folders = [tmp_path / "one", tmp_path / "two", tmp_path / "other"]
    for folder, seed in zip(folders, (3, 3, 4), strict=True):
        worlds.WORLDS[name](seed, size).write(folder, "base")
    texts = [(folder / "rows.jsonl").read_text() for folder in folders]
    assert texts[0] == texts[1] != texts[2]
    rows = [json.loads(line) for line in texts[0].splitlines()]
    assert len({row["input"] for row in rows}) == size.rows
    assert not {"wrong", "evidence", "belief"} & set(rows[0]), "what the script knows must not be told to anybody else"


@pytest.mark.parametrize("place", range(1, 7))
def test_a_world_that_cannot_be_written_again_keeps_each_of_its_files_whole(place, tmp_path, monkeypatch):
    written = []
    for name, seed in (("old", 3), ("new", 4)):
        # The task file names the folder.
        folder = tmp_path / "world"
        worlds.WORLDS["facts"](seed, worlds.Size(train=12, dev=8, test=8)).write(folder, worlds.SCRIPTED)
        written.append(_texts(folder))
        folder.rename(tmp_path / name)
    (tmp_path / "old").rename(tmp_path / "world")
    real, left = os.fsync, [place]

    def full(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BrokenEnvironment, match="no space left"):
        worlds.WORLDS["facts"](4, worlds.Size(train=12, dev=8, test=8)).write(tmp_path / "world", worlds.SCRIPTED)
    found = _texts(tmp_path / "world")
    assert found and all(text in (written[0].get(path), written[1].get(path)) for path, text in found.items())
    assert {"task.yaml", "rows.jsonl", "model.py", "mind.json"} <= set(found)


def _texts(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_order_of_words_alone_tells_the_private_codes():
    """Each unordered pair of things carries both codes, so that no bag of words can tell which."""
    rows = worlds.WORLDS["labels"](0, worlds.Size(train=2000, dev=1, test=1)).rows
    codes: dict[frozenset[str], set[str]] = {}
    for row in rows:
        words = frozenset(half.split()[2] for half in row["input"].split("; "))
        codes.setdefault(words, set()).add(row["target"])
    assert sum(len(found) == 2 for found in codes.values()) > 0.7 * len(codes)


def test_last_weeks_facts_are_in_the_training_rows_alone():
    world = worlds.WORLDS["weekly"](0, worlds.Size(train=30, dev=20, test=20))
    assert all(("Week 41" in row["input"]) == (row["split"] == "train") for row in world.rows)
    assert all("week 42" in text for text in world.documents.values())
