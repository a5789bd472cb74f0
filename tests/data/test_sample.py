"""A sample is drawn: not the head of a file, and the same one however the file is sorted."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from rung.data.sample import draw, sample, shuffled
from rung.types import Example


def rows(targets: str, start: int = 1) -> list[Example]:
    """A row a letter, its id the line that it stands on, as a file without ids has it."""
    return [
        Example(id=f"f.csv:{line}", messages=({"role": "user", "content": f"{target} {line}"},), target=target)
        for line, target in enumerate(targets, start=start)
    ]


def asked(found: list[Example]) -> set[str]:
    return {row.messages[0]["content"] for row in found}


def resorted(found: list[Example]) -> list[Example]:
    """The same rows in another order: each then stands on another line."""
    mixed = random.Random(1).sample(found, len(found))
    return [replace(row, id=f"f.csv:{line}") for line, row in enumerate(mixed, start=1)]


def test_every_label_of_a_sorted_file_has_its_share() -> None:
    sorted_by_label = rows("a" * 300 + "b" * 100 + "c" * 100)
    assert {row.target for row in sorted_by_label[:200]} == {"a"}
    assert Counter(row.target for row in sample(sorted_by_label, 200, 0)) == {"a": 120, "b": 40, "c": 40}
    counts = Counter(row.target for row in sample(sorted_by_label, 7, 3))
    assert sum(counts.values()) == 7 and counts["a"] in (4, 5) and counts["b"] in (1, 2)


@pytest.mark.parametrize("seed", range(5))
def test_it_does_not_hang_on_the_order_of_the_file(seed: int) -> None:
    file = rows("aabbbcccccccdddddddddddddd" * 3)
    assert asked(sample(file, 20, seed)) == asked(sample(resorted(file), 20, seed))
    assert [row.messages for row in shuffled(file, seed)] == [row.messages for row in shuffled(resorted(file), seed)]


def test_a_seed_gives_one_sample_and_seeds_give_others() -> None:
    file = rows("ab" * 50)
    assert sample(file, 10, 4) == sample(file, 10, 4)
    assert len({frozenset(asked(sample(file, 10, seed))) for seed in range(20)}) == 20
    assert asked(shuffled(file, 0)) == asked(file) and shuffled(file, 0) != file


def test_a_sample_of_all_is_all_as_it_stands() -> None:
    file = rows("abc")
    assert sample(file, 3, 0) == sample(file, 99, 0) == file
    assert sample(file, 0, 0) == sample([], 5, 0) == []


def test_a_sample_stands_in_the_order_of_the_file_and_holds_no_row_twice() -> None:
    file = rows("abcd" * 100)
    lines = [int(row.id.split(":")[1]) for row in sample(file, 150, 0)]
    assert lines == sorted(set(lines)) and len(lines) == 150


def test_every_row_has_the_same_chance() -> None:
    items = [f"{label}{number}" for label, many in (("a", 30), ("b", 10)) for number in range(many)]
    drawn = Counter(item for seed in range(2000) for item in draw(items, 8, seed, key=str, by=lambda item: item[0]))
    # 400 expected of each, with a standard deviation of 17.9.
    assert min(drawn.values()) > 400 - 4 * 17.9 and max(drawn.values()) < 400 + 4 * 17.9


def test_equal_rows_may_all_be_drawn() -> None:
    assert len(draw(["x"] * 10, 4, 0, key=str)) == 4
