"""Rows that the gate is said to look at: between the first look and all of them, more the nearer to the bar."""

from __future__ import annotations

import pytest

from rung.climb.outlook.gate import gate_rows, rows_known
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
    at_bar, above, below = (rows_known(task(600), 0.01, mean, 150) for mean in (0.8, 0.97, 0.3))
    assert at_bar and above and below and below < above < at_bar <= 600
    assert rows_known(task(600), 0.01, 0.8, 0) is None and rows_known(task(200, groups=10), 0.01, 0.8, 100) is None
    assert (rows_known(task(600), 0.01, 1.0, 10) or 0) >= LOOK_EVERY
