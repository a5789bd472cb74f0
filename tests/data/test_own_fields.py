"""Fields called id, group, origin, split and gold, where they are other words of their owner's."""

import pytest

from rung.errors import UserError

ASK = {"prompt": "2 + 2?", "completion": "4"}


def rows(count: int, **fields):
    """So many rows, each field made of its number."""
    return [{"prompt": f"{n} + 2?", "completion": "4", **{key: of(n) for key, of in fields.items()}} for n in range(count)]


def test_an_unknown_origin_is_the_owners_own_word_and_told(load):
    loaded = load("rows.jsonl", rows(10, origin=lambda n: "synthetic" if n < 3 else "crm export"))
    assert [row.origin for row in loaded.examples] == ["synthetic"] * 3 + ["human"] * 7
    (finding,) = loaded.findings
    assert finding.message == (
        "'origin' says 'crm export' (7), in 7 rows, which is none of human, log, synthetic, augmented: taken for words of your "
        "own, and those rows for human"
    )


def test_an_origin_that_the_task_names_is_held_to_the_known_ones(load):
    with pytest.raises(UserError, match="origin is 'crm export'"):
        load("rows.jsonl", rows(3, origin=lambda n: "crm export"), columns={"origin": "origin"})


def test_an_id_that_stands_twice_is_no_id_and_told(load):
    loaded = load("rows.jsonl", rows(4, id=lambda n: f"ticket {n // 2}"))
    assert [row.id for row in loaded.examples] == [f"rows.jsonl:{n}" for n in range(1, 5)]
    assert "'id' is not taken for the rows' ids, since 'ticket 0' stands 2 times" in loaded.findings[0].message
    assert [row.id for row in load("rows.jsonl", rows(2, id=lambda n: n)).examples] == ["0", "1"]
    assert load("rows.jsonl", rows(2, id=lambda n: {"n": n})).examples[0].id == "rows.jsonl:1"


@pytest.mark.parametrize(
    ("group", "taken"),
    [
        (lambda n: f"customer {n // 4}", True),
        (lambda n: ["gold", "silver", "bronze"][n % 3], False),
        (lambda n: "all" if n % 3 else f"g{n}", False),
        (lambda n: ["a", n], False),
        (lambda n: None if n % 2 else n // 8, True),
    ],
)
def test_a_group_counts_where_it_behaves_like_one(load, group, taken):
    loaded = load("rows.jsonl", rows(120, group=group))
    assert (len({row.group for row in loaded.examples}) < 120) == taken
    assert [("'group' is not taken for what rows must stay together by" in finding.message) for finding in loaded.findings] == (
        [] if taken else [True]
    )
    named = load("rows.jsonl", rows(120, group=lambda n: "all"), group="group")
    assert {row.group for row in named.examples} == {"all"}


def test_a_few_rows_may_well_be_one_group(load):
    assert {row.group for row in load("rows.jsonl", rows(3, group=lambda n: "g")).examples} == {"g"}


def test_a_split_that_is_not_named_changes_nothing_and_is_told(load):
    loaded = load("rows.jsonl", rows(9, split=lambda n: ["train", "dev", "test"][n % 3]))
    assert {row.split for row in loaded.examples} == {""}
    assert (
        "names splits ('train' (3), 'dev' (3), 'test' (3)) and is not used; data.columns: {split: split}"
        in loaded.findings[0].message
    )
    other = load("rows.jsonl", rows(9, split=lambda n: f"fold {n % 3}"))
    assert "which are no names of splits: taken for words of your own" in other.findings[0].message
    with pytest.raises(UserError, match="split is 'fold 0'"):
        load("rows.jsonl", rows(9, split=lambda n: f"fold {n % 3}"), columns={"split": "split"})


def test_a_gold_label_is_no_document(load):
    loaded = load("rows.jsonl", [{"text": f"t{n}", "gold": n % 2} for n in range(9)], columns={"input": "text", "target": "gold"})
    assert [row.gold for row in loaded.examples] == [()] * 9
    loaded = load("rows.jsonl", rows(9, gold=lambda n: n % 2))
    assert [row.gold for row in loaded.examples] == [()] * 9
    assert "'gold' holds numbers in 9 rows" in loaded.findings[0].message


def test_fields_of_columns_that_nobody_named_are_nothing(load):
    some = [{"q": f"q{n}", "a": "x", "id": "same", "group": "g", "origin": "crm", "split": "fold"} for n in range(3)]
    loaded = load("rows.jsonl", some, columns={"input": "q", "target": "a"})
    assert loaded.findings == ()
    assert [(row.id, row.group, row.origin) for row in loaded.examples] == [
        (f"rows.jsonl:{n}", f"rows.jsonl:{n}", "human") for n in (1, 2, 3)
    ]
