"""Test gets what its bar needs, dev enough, train all the rest."""

from __future__ import annotations

from collections import Counter

import pytest

from rung.data.split import split
from rung.propose.sizes import FRACTIONS, sizes_for
from rung.types import Example


def rows(count: int, group: int = 1, own: tuple[str, ...] = ()) -> list[Example]:
    return [
        Example(
            id=str(n),
            messages=({"role": "user", "content": f"q{n}"},),
            target="x",
            group=f"g{n // group}",
            split=own[n % len(own)] if own else "",
        )
        for n in range(count)
    ]


def test_a_small_file_keeps_fractions() -> None:
    assert sizes_for(rows(600), 0.8, 2).told == FRACTIONS


def test_a_large_file_leaves_no_row_out() -> None:
    found = sizes_for(rows(16_000), 0.8, 6)
    assert sum(found.told.values()) == 16_000
    assert found.shares["train"] == "rest"
    assert found.told["train"] > 14_000
    done = Counter(row.split for row in split(rows(16_000), found.shares, 0))
    assert done == found.told


@pytest.mark.parametrize(("bar", "more"), [(0.8, 0.5), (0.9, 0.99)])
def test_a_bar_that_is_harder_to_show_gets_more_test_rows(bar: float, more: float) -> None:
    assert sizes_for(rows(20_000), more, 2).told["test"] > sizes_for(rows(20_000), bar, 2).told["test"]


def test_each_of_many_classes_gets_test_rows() -> None:
    assert sizes_for(rows(9000), 0.8, 151).told["test"] >= 5 * 151


def test_rows_in_groups_get_more_test_rows() -> None:
    assert sizes_for(rows(16_000, group=8), 0.8, 2).told["test"] > sizes_for(rows(16_000), 0.8, 2).told["test"]


def test_what_the_rows_say_themselves_holds() -> None:
    found = sizes_for(rows(900, own=("train", "dev", "test")), 0.8, 2)
    assert (found.told, found.shares) == ({"train": 300, "dev": 300, "test": 300}, {})
    found = sizes_for(rows(900, own=("train", "train", "test")), 0.8, 2)
    assert found.shares["dev"] == FRACTIONS["dev"]
    assert "dev from their train" in found.why.taken
