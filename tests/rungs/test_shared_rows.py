"""Rows that every question is shown: balanced, in an order that leans to no label, typical, short, sound, and of train alone."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.rungs.shared_rows import MOST_BYTES, shared_rows
from rung.types import Bar, Example, Finding, Task

THINGS = ("the phone", "my order", "this screen", "the charger", "your team", "that box", "a ticket", "the lamp")


def row(text: str, target: Any, number: int = 0, *, split: str = "train", **fields: Any) -> Example:
    said = {"role": "user", "content": text}
    return Example(id=f"{split}{number}", messages=(said,), target=target, split=split, source=f"rows.csv:{number}", **fields)


def task(rows: list[Example], scorer: str = "exact", **fields: Any) -> Task:
    return Task(name="t", base="b", instruction="Say.", examples=tuple(rows), quality=Bar(scorer=scorer, at_least=0.5), **fields)


def labelled_rows(counts: dict[str, int], *, split: str = "train") -> list[Example]:
    labels = [label for label, count in counts.items() for _ in range(count)]
    return [row(f"{THINGS[n % len(THINGS)]} number {n} is {label} today", label, n, split=split) for n, label in enumerate(labels)]


COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(2, 9), min_size=2, max_size=5)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(counts=COUNTS, k=st.integers(1, 12), draw=st.integers(0, 3), seed=st.integers(0, 9))
def test_a_set_is_balanced_whatever_the_labels_counts(counts: dict[str, int], k: int, draw: int, seed: int) -> None:
    rows = labelled_rows(counts)
    shown = shared_rows(task(rows, seed=seed), k, draw)
    labels = [str(one.target) for one in shown]
    assert len(shown) == len({one.id for one in shown}) == min(k, sum(counts.values()))
    left = Counter(counts)
    for place, label in enumerate(labels):
        shown_often = Counter(labels[:place])
        assert all(shown_often[label] <= shown_often[other] for other in counts if left[other]), "the next is of the rarest so far"
        left[label] -= 1
    for place, (one, other) in enumerate(pairwise(labels)):
        others = Counter(counts) - Counter(labels[: place + 1])
        assert one != other or set(others) <= {one}, "no label twice in a row while another has rows left"
    assert shared_rows(task(rows, seed=seed), max(1, k - 1), draw) == shown[: max(1, k - 1)], "each beginning is a set itself"
    mixed = random.Random(seed).sample(rows, len(rows))
    assert shared_rows(task(mixed, seed=seed), k, draw) == shown, "not by where rows stand in the file"


def test_draws_differ_and_the_same_draw_is_the_same() -> None:
    many = task(labelled_rows({"good": 60, "bad": 60}))
    sets = [shared_rows(many, 4, draw) for draw in range(6)]
    draws = [tuple(one.id for one in shown) for shown in sets]
    assert len(set(draws)) > 3 and sets[2] == shared_rows(many, 4, 2)
    ends = {str(shown[-1].target) for shown in sets}
    assert ends == {"good", "bad"}, "not every draw ends with the same label"
    assert {one.id for one in shared_rows(replace(many, seed=1), 4, 0)} != set(draws[0])


def test_only_train_rows_with_a_target_are_shown() -> None:
    rows = [
        *labelled_rows({"a": 5, "b": 5}),
        *labelled_rows({"a": 30, "b": 30}, split="dev"),
        *labelled_rows({"a": 30, "b": 30}, split="test"),
        row("no target", None, 99),
    ]
    assert {one.split for one in shared_rows(task(rows), 40, 0)} == {"train"} and len(shared_rows(task(rows), 40, 0)) == 10


def test_a_label_that_the_audit_contradicts_is_never_shown_and_one_that_it_names_only_where_no_other_is() -> None:
    rows = labelled_rows({"a": 6, "b": 6})
    conflict = Finding(check="x", severity="warning", message="", places=("other.csv:1 (against rows.csv:0)",))
    named = Finding(check="y", severity="warning", message="", places=tuple(f"rows.csv:{n}" for n in (1, 2, 3, 7)))
    told = Finding(check="z", severity="info", message="", places=("rows.csv:4",))
    judged = task(rows, findings=(conflict, named, told))
    assert len(shared_rows(judged, 20, 0)) == 11
    assert "train0" not in {one.id for draw in range(4) for one in shared_rows(judged, 20, draw)}
    first = {one.id for draw in range(4) for one in shared_rows(judged, 4, draw)}
    assert not first & {"train1", "train2", "train3", "train7"}


def test_long_rows_are_left_and_what_leaves_no_room_is_not_taken() -> None:
    short = labelled_rows({"a": 4, "b": 4})
    long = [row(f"{'word ' * 400}{n}", "ab"[n % 2], 100 + n) for n in range(8)]
    assert all(len(one.messages[0]["content"]) < 100 for one in shared_rows(task([*long, *short]), 4, 0))
    assert shared_rows(task([row("x" * (MOST_BYTES + 1), "a", 1), row("y" * (MOST_BYTES + 1), "b", 2)]), 2, 0) == []
    few = shared_rows(task([row(f"{n} " + "x" * 6000, "ab"[n % 2], n) for n in range(8)]), 8, 0)
    assert [str(one.target) for one in few] in (["a", "b"], ["b", "a"])


def test_typical_rows_are_shown_not_those_whose_words_speak_for_another_label() -> None:
    rows = [row(f"{THINGS[n % 8]} {n} works great, thank you", "good", n) for n in range(20)]
    rows += [row(f"{THINGS[n % 8]} {n} is broken, refund me", "bad", n) for n in range(20, 40)]
    turned = [row(f"{THINGS[n % 8]} {n} is broken, refund me", "good", n) for n in range(40, 46)]
    for draw in range(4):
        shown = shared_rows(task([*rows, *turned]), 6, draw)
        assert not {one.id for one in shown} & {one.id for one in turned}


def test_one_kind_is_not_shown_in_one_wording() -> None:
    rows = [row(f"where is my parcel {n}", "x", n) for n in range(30)]
    rows += [row(f"cancel the contract please {n}", "x", 30 + n) for n in range(10)]
    rows += [row(f"forgot password again {n}", "x", 40 + n) for n in range(10)]
    said = " ".join(one.messages[0]["content"] for one in shared_rows(task(rows), 3, 0))
    assert all(word in said for word in ("parcel", "contract", "password"))


@pytest.mark.parametrize(
    ("targets", "scorer"),
    [
        ([str(n * 7.3) for n in range(30)], "numeric"),
        ([["tea", "milk"][:n] for n in (0, 1, 2)] * 10, "json_fields"),
        ([""] * 4 + [f"a whole sentence about {n}" for n in range(20)], "exact"),
    ],
)
def test_open_targets_are_balanced_by_their_form(targets: list, scorer: str) -> None:
    """A third of the range of numbers; none, one or several items; nothing beside something."""
    if scorer == "json_fields":
        targets = [[*target, f"item {n}"] if target else [] for n, target in enumerate(targets)]
    rows = [row(f"question {n} of {THINGS[n % 8]}", target, n) for n, target in enumerate(targets)]
    shown = [one.target for one in shared_rows(task(rows, "exact" if scorer != "numeric" else scorer), 6, 0)]
    if scorer == "numeric":
        thirds = Counter(int(float(value) // 73) for value in shown)
        assert set(thirds.values()) == {2}
    elif scorer == "exact":
        assert Counter(map(bool, shown)) == {True: 3, False: 3}
    else:
        assert Counter(min(len(value), 2) for value in shown)[0] in (2, 3)


def test_calls_are_told_apart_by_the_tools_that_they_call() -> None:
    names = ["weather", "clock", "taxi"]
    rows = [row(f"ask {n} for it", {"name": names[n % 3], "arguments": {"n": n}}, n) for n in range(30)]
    shown = shared_rows(task(rows, "tool_call"), 6, 0)
    assert Counter(one.target["name"] for one in shown) == dict.fromkeys(names, 2)


def test_what_there_is_of_one_class_of_blank_questions_and_of_nothing_is_shown() -> None:
    assert shared_rows(task([]), 4, 0) == []
    one_class = [row(f"{THINGS[n]} {n}", "only", n) for n in range(5)]
    assert len(shared_rows(task(one_class), 4, 0)) == 4 and len(shared_rows(task(one_class), 9, 0)) == 5
    blank = [row("", "a", 1), row("  ", "b", 2), row("!", "a", 3), row("?", "b", 4)]
    assert {one.id for one in shared_rows(task(blank), 4, 0)} == {"train3", "train4"}
    seen = Example(
        id="i", messages=({"role": "user", "content": [{"type": "image_url", "image_url": {}}]},), target="a", split="train"
    )
    assert shared_rows(task([seen]), 2, 0) == []


def test_of_more_labels_than_rows_each_is_of_another() -> None:
    many = task(labelled_rows({f"intent {n}": 3 for n in range(77)}))
    shown = [str(one.target) for one in shared_rows(many, 16, 0)]
    assert len(set(shown)) == 16 and shown != [str(one.target) for one in shared_rows(many, 16, 1)]
