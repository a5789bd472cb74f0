"""Rows that the gate is said to look at: between the first look and all of them, more the nearer to the bar."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.climb.outlook.gate import dev_rows, gate_rows, of_score
from rung.parts import Span
from rung.types import Bar, Example, Task
from rung.verify.stats.boundaries import LOOK_EVERY


def task(rows: int, *, bar: float = 0.8, groups: int = 0) -> Task:
    examples = tuple(
        Example(
            id=str(number),
            messages=({"role": "user", "content": str(number)},),
            target="a",
            split="test",
            group=str(number % groups if groups else number),
        )
        for number in range(rows)
    )
    return Task(name="t", base="x", instruction="", examples=examples, quality=Bar(scorer="exact", at_least=bar))


@pytest.mark.parametrize("when", ["pass", "fail", "undecided"])
@pytest.mark.parametrize("rows", [3, 24, 600])
def test_from_the_first_look_to_the_last_row(rows: int, when: str) -> None:
    span = gate_rows(task(rows), 0.01, when)  # type: ignore[arg-type]
    assert span.least == min(rows, LOOK_EVERY) <= span.expected <= span.most == rows


def test_what_is_clear_ends_early() -> None:
    passes, fails, neither = (gate_rows(task(600), 0.01, when).expected for when in ("pass", "fail", "undecided"))
    assert fails < passes < neither
    assert gate_rows(task(600), 0.0001, "fail").expected >= fails


def test_no_bounds_no_matter() -> None:
    for odd in (task(200, groups=10), task(200, bar=1.0), task(0)):
        span = gate_rows(odd, 0.01, "pass")
        assert 0 <= span.least <= span.expected <= max(span.most, span.least)
    assert gate_rows(task(200), 0.0, "pass").most == 200


def test_once_dev_is_known_the_rows_are_known_better() -> None:
    at_bar, above, below = (gate_rows(task(600), 0.01, "", of_score(mean, 150, 0.8)).expected for mean in (0.8, 0.97, 0.3))
    assert below <= above < at_bar <= 600
    assert gate_rows(task(600), 0.01, "", of_score(1.0, 10, 0.8)).expected >= LOOK_EVERY
    assert gate_rows(task(200, groups=10), 0.01, "", of_score(0.8, 100, 0.8)).expected == 100


def test_how_a_test_ends_says_how_soon() -> None:
    """A little above the bar a pass comes late or soon, what neither passes nor fails is looked at in full, or given up by dev."""
    dev = of_score(0.86, 200, 0.83)
    passes, neither = (gate_rows(task(1500, bar=0.83), 0.0134, when, dev).expected for when in ("pass", "undecided"))
    assert 150 <= passes <= 700 < neither


def test_what_dev_leaves_little_hope_ends_early() -> None:
    """78% on 200 rows, a bar of 83%, next to no alpha: the gate gives up after a few dozen rows. Not where dev does not count."""
    dev = of_score(0.778, 200, 0.83)
    ends = gate_rows(task(1500, bar=0.83), 0.0009, "undecided", dev)
    assert 24 <= ends.expected <= 120
    equal = replace(task(1500, bar=0.83), alpha_shares="equal")
    assert gate_rows(equal, 0.0009, "undecided", dev).expected > ends.expected


@pytest.mark.parametrize(("mean", "n", "rows"), [(0.5, 150, 48), (0.99, 150, 48), (0.85, 40, 200), (0.8, 40, 400), (0.9, 40, 200)])
def test_rows_of_dev_before_the_gate(mean: float, n: int, rows: int) -> None:
    """Few where the case is clear, all where what is below the bar is near it."""
    assert dev_rows(500, of_score(mean, n, 0.83)) == Span(least=48, expected=rows, most=400)
    assert dev_rows(500) == Span(least=48, expected=200, most=400)
    assert dev_rows(30) == dev_rows(30, of_score(mean, n, 0.83)) == Span.of(30.0)
