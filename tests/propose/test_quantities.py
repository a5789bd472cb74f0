"""Numbers that were counted or measured are no classes."""

from __future__ import annotations

from typing import Any

import pytest

from rung.propose.quantities import are_quantities, tolerance
from rung.types import Example


@pytest.mark.parametrize(
    ("targets", "column", "wanted"),
    [
        ([n % 70 + 3 for n in range(600)], "Answer", True),
        ([n % 77 for n in range(900)], "label", False),
        ([n % 77 for n in range(900)], "intent_id", False),
        ([n % 26 / 5 for n in range(800)], "score", True),
        ([n % 5 + 1 for n in range(100)], "stars", False),
        ([n % 4 for n in range(100)], "answer", False),
        ([n % 15 for n in range(300)], "answer", True),
        ([n % 15 for n in range(300)], "topic", False),
        ([n % 2 for n in range(100)], "toxic", False),
        (["a", "b"] * 50, "label", False),
    ],
)
def test_quantities(targets: list[Any], column: str, wanted: bool) -> None:
    assert are_quantities(targets, column) is wanted


def rows(values: list[Any], text: str = "boat") -> list[Example]:
    return [
        Example(
            id=str(n), messages=({"role": "user", "content": f"{text} {value if text == 'price' else n}"},), target=value, group=""
        )
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "text", "wanted"),
    [
        ([n % 26 / 5 for n in range(800)], "boat", 0.5),
        ([n % 11 / 10 for n in range(100)], "boat", 0.1),
        ([n % 26 / 5 for n in range(800)], "price", None),
        ([n % 70 for n in range(800)], "boat", None),
        ([n * 1.5 for n in range(800)], "boat", None),
    ],
)
def test_how_far_off_a_degree_may_be(values: list[Any], text: str, wanted: float | None) -> None:
    assert tolerance(rows(values, text)) == wanted
