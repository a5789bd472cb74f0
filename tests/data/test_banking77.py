"""On real rows: 13,083 questions to a bank (Casanueva et al., 2020)."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rung.data.audit import audit
from rung.data.load import load_examples
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns
from rung.data.split import deduplicate, leaks, split
from rung.propose.profile import look_at

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "banking77"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the banking77 files are not beside the project")


def load(name: str):
    columns = Columns(input="text", target="category")
    return load_examples(Source(reference=name, base_folder=FOLDER, downloads=FOLDER, columns=columns)).examples


@pytest.fixture(scope="module")
def rows():
    train, test = load("train.csv"), load("test.csv")
    return [*(replace(e, split="train") for e in train), *(replace(e, split="test") for e in test)]


def test_every_row_loads(rows):
    assert [sum(e.split == name for e in rows) for name in ("train", "test")] == [10_003, 3_080]
    assert len({e.target for e in rows}) == 77


def test_test_rows_that_stand_in_train(rows):
    """7 by case, width and blanks; 25 is the number where punctuation is folded too, which would also make -5 of 5."""
    assert len(leaks(rows)) == 7
    assert [(f.check, f.count) for f in audit(rows, "split") if f.severity == "error"] == [("contamination", 7)]

    def bare(example):
        return " ".join(re.sub(r"\W+", " ", example.messages[0]["content"].lower()).split())

    train = {bare(e) for e in rows if e.split == "train"}
    assert sum(bare(e) in train for e in rows if e.split == "test") == 25


def test_duplicates_go_within_their_split_and_across_an_own_one(rows):
    assert len(leaks(deduplicate(rows).examples)) == 7
    unsplit = [replace(e, split="") for e in rows]
    done = split(deduplicate(unsplit).examples, {"train": 0.5, "dev": 0.2, "test": 0.3}, seed=0)
    assert leaks(done) == ()


def test_a_first_look():
    profile = look_at(FOLDER / "train.csv")
    assert profile.columns.named() == {"input": "text", "target": "category"}
    assert (profile.scorer, len(profile.classes), profile.at_least, profile.rows) == ("choice", 77, 0.8, 10_003)
