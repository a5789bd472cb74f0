"""Duplicates, splits, leaks and digests."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.data.digest import data_digests
from rung.data.split import _place, deduplicate, leaks, normalise, split
from rung.errors import UserError
from rung.types import Example


def row(text: str, target: str = "x", **fields) -> Example:
    fields = {"id": f"{text}/{target}", **fields}
    return Example(messages=({"role": "user", "content": text},), target=target, **fields)


def rows(count: int, group_size: int = 1) -> list[Example]:
    return [row(f"q{n}", id=f"i{n}", group=f"g{n // group_size}" if group_size > 1 else "") for n in range(count)]


def test_normalise_folds_case_width_and_blanks():
    assert normalise("  \uff28ello\u00a0 STRASSE\n") == normalise("hello stra\u00dfe") == "hello strasse"


def test_duplicates_leave_and_say_why():
    examples = [
        row("Hi there", "a"),
        row("hi  THERE", "a"),
        row("Hi there", "a", id="again"),
        row("HI THERE", "b"),
        row("other", "b"),
    ]
    done = deduplicate(examples)
    assert [e.id for e in done.examples] == ["Hi there/a", "other/b"]
    assert [(p.kept.id, p.dropped.id, p.kind) for p in done.removed] == [
        ("Hi there/a", "hi  THERE/a", "normalised"),
        ("Hi there/a", "again", "exact"),
        ("Hi there/a", "HI THERE/b", "conflict"),
    ]


def test_tools_and_earlier_turns_are_part_of_the_question():
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    before = ({"role": "system", "content": "s"}, {"role": "user", "content": "a"})
    examples = [row("a"), row("a", tools=(tool,), id="t"), Example(id="s", messages=before, target="x")]
    assert len(deduplicate(examples).examples) == 3


def test_fractions_use_all_rows():
    done = split(rows(1000), {"train": 0.5, "dev": 0.2, "test": 0.3}, seed=0)
    assert Counter(e.split for e in done) == {"train": 500, "dev": 200, "test": 300}
    assert [e.id for e in done] == [f"i{n}" for n in range(1000)]
    assert all(e.group == e.id for e in done)


def test_counts_are_exact_and_the_rest_is_dropped():
    done = split(rows(5000), {"train": 900, "dev": 300, "test": 1500}, seed=3)
    assert Counter(e.split for e in done) == {"train": 900, "dev": 300, "test": 1500}


def test_fractions_may_leave_rows_out():
    assert Counter(e.split for e in split(rows(100), {"train": 0.3, "test": 0.2}, seed=0)) == {"train": 30, "test": 20}


def test_a_split_depends_on_seed_and_not_on_order():
    examples = rows(200)
    shares = {"train": 0.5, "dev": 0.2, "test": 0.3}
    first = {e.id: e.split for e in split(examples, shares, seed=0)}
    assert {e.id: e.split for e in split(examples[::-1], shares, seed=0)} == first
    assert {e.id: e.split for e in split(examples, shares, seed=1)} != first


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 12), min_size=30, max_size=80), seed=st.integers(0, 999))
def test_groups_never_straddle_and_shares_are_met_in_groups(sizes, seed):
    examples = [row(f"{g}-{n}", group=f"g{g}") for g, size in enumerate(sizes) for n in range(size)]
    for shares in ({"train": 0.5, "dev": 0.2, "test": 0.3}, {"train": 12, "dev": 6, "test": 9}):
        try:
            done = split(examples, shares, seed)
        except UserError as error:
            assert "cannot be split so" in str(error) or "too few to split" in str(error)
            continue
        splits = {}
        for example in done:
            assert splits.setdefault(example.group, example.split) == example.split
        counts = Counter(splits.values())
        for name, share in shares.items():
            wanted = share * len(sizes) if share < 1 else share * len(sizes) / len(examples)
            assert abs(counts[name] - wanted) <= 1.5


def heavy(seed: int) -> list[Example]:
    """Eighty groups with a heavy tail; what a row scores (its target) falls with the size of its group."""
    sizes = [max(1, int(120 / (1 + g))) for g in range(80)]
    return [row(f"{g}-{n}-{seed}", str(int(size < 20)), group=f"{seed} {g}") for g, size in enumerate(sizes) for n in range(size)]


def test_a_split_does_not_prefer_small_groups():
    """Placed by what still fits, the mean over the test splits of these files is 8 points above the truth."""
    right, seen = 0.0, 0
    for seed in range(400):
        done = split(heavy(seed), {"train": 0.5, "dev": 0.2, "test": 0.3}, seed=seed)
        test = [float(e.target) for e in done if e.split == "test"]
        right, seen = right + sum(test), seen + len(test)
    truth = sum(float(e.target) for e in heavy(0)) / len(heavy(0))
    assert right / seen == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize("wanted", [{"train": 20, "dev": 8, "test": 12}, {"train": 10, "dev": 4, "test": 12}])
def test_whether_a_group_is_in_test_does_not_hang_on_its_size(wanted):
    in_test = Counter()
    for seed in range(400):
        sizes = {f"{seed} {g}": 1 + g // 4 for g in range(40)}
        placed = _place(sizes, wanted, seed)
        assert Counter(placed.values()) == wanted
        in_test.update(sizes[group] for group, name in placed.items() if name == "test")
    for size in range(1, 11):
        assert in_test[size] / 1600 == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": 900, "dev": 300, "test": 1500}, r"asks for 2,700 rows \(train 900, dev 300, test 1,500\) of 100"),
        ({"train": 0.5, "gate": 0.5}, "unknown split 'gate'"),
        ({"train": 0.9, "test": 0.3}, "the fractions sum to 1.2"),
        ({"train": -1, "test": 0.3}, "train is -1"),
        ({"train": 1.5, "test": 0.3}, "train is 1.5"),
        ({"train": True}, "train is True"),
        ({"train": "half"}, "train is 'half'"),
        ({"train": 0.99, "test": 0.001}, r"100 rows are too few to split \(train 99, test 0\)"),
        ({}, "data.split is empty"),
    ],
)
def test_impossible_shares(shares, message):
    with pytest.raises(UserError, match=message):
        split(rows(100), shares, seed=0)


def test_one_group_that_swallows_all():
    examples = [row(f"q{n}", group="one" if n < 95 else f"g{n}") for n in range(100)]
    with pytest.raises(UserError, match=r"6 groups \(the largest of 95 rows\) cannot be split so: "):
        split(examples, {"train": 0.5, "dev": 0.2, "test": 0.3}, seed=0)


def test_own_splits_are_honoured():
    examples = [row(f"q{n}", split=name) for n, name in enumerate(["train", "dev", "test", "train"])]
    assert [e.split for e in split(examples, {"train": 1.0}, seed=0)] == ["train", "dev", "test", "train"]
    with pytest.raises(UserError, match=r"own splits \(train 2, dev 1\) leave test empty"):
        split([e for e in examples if e.split != "test"], {}, seed=0)
    with pytest.raises(UserError, match=r"1 of 5 rows name no split"):
        split([*examples, row("new")], {}, seed=0)
    with pytest.raises(UserError, match=r"1 groups stand in more than one split, such as g"):
        split([replace(e, group="g") for e in examples], {}, seed=0)


def test_a_split_that_the_rows_do_not_name_is_drawn_from_their_train():
    own = [row(f"q{n}", id=f"i{n}", split="test" if n < 30 else "train", group=f"g{n // 2}") for n in range(130)]
    done = split(own, {"train": 0.5, "dev": 0.2, "test": 0.3}, seed=0)
    assert Counter(e.split for e in done) == {"train": 80, "dev": 20, "test": 30}
    assert {e.id for e in done if e.split == "test"} == {f"i{n}" for n in range(30)}
    assert not {e.group for e in done if e.split == "dev"} & {e.group for e in done if e.split == "train"}


def test_rows_without_a_train_of_their_own_are_refused():
    with pytest.raises(UserError, match="leave train and dev empty"):
        split([row(f"q{n}", split="test") for n in range(30)], {"train": 0.5, "dev": 0.2, "test": 0.3}, seed=0)


def test_leaks_are_both_rows():
    examples = [
        row("Same?", split="train", source="a.csv:2"),
        row("same? ", split="test", source="a.csv:9"),
        row("new", split="test", source="a.csv:10"),
        row("dev", split="dev"),
    ]
    assert [(pair.test.source, pair.train.source) for pair in leaks(examples)] == [("a.csv:9", "a.csv:2")]
    assert len(deduplicate(examples).examples) == 4
    assert leaks(examples[2:]) == ()


def test_data_digests_see_every_row():
    examples = split(rows(100), {"train": 0.5, "test": 0.5}, seed=0)
    roots = data_digests(examples)
    assert set(roots) == {"train", "test"}
    last = next(n for n in range(99, 0, -1) if examples[n].split == "test")
    poisoned = [replace(e, target="y") if n == last else e for n, e in enumerate(examples)]
    assert data_digests(poisoned)["train"] == roots["train"]
    assert data_digests(poisoned)["test"] != roots["test"]
    assert data_digests([replace(e, id="other", source="moved") for e in examples]) == roots


@pytest.mark.parametrize(
    ("shares", "sizes"),
    [
        ({"train": "rest", "dev": 20, "test": 30}, {"train": 50, "dev": 20, "test": 30}),
        ({"train": "rest", "dev": 0.1, "test": 30}, {"train": 60, "dev": 10, "test": 30}),
        ({"dev": "rest", "test": 30}, {"dev": 70, "test": 30}),
    ],
)
def test_one_split_may_be_the_rest(shares, sizes):
    assert Counter(row.split for row in split(rows(100), shares, 0)) == sizes


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": "rest", "dev": "rest", "test": 30}, "train and dev are all 'rest'"),
        ({"train": "rest", "dev": 50, "test": 50}, r"too few to split \(train 0"),
        ({"train": "rest", "dev": 50, "test": 60}, "asks for 110 rows"),
        ({"train": "others", "dev": 50, "test": 60}, "train is 'others'"),
    ],
)
def test_a_rest_that_cannot_be(shares, message):
    with pytest.raises(UserError, match=message):
        split(rows(100), shares, 0)
