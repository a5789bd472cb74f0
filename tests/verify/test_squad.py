"""Agreement with SQuAD's own script, on examples of the kinds that it is known for."""

from __future__ import annotations

from typing import Any

import pytest

from rung.types import Bar, Example
from rung.verify.scoring import bind
from rung.verify.squad import squad_f1, squad_words


def value_of(scorer: str, target: Any, said: str, **settings: Any) -> float | None:
    return bind(Bar(scorer=scorer, config=settings)).score(_row(target), said).value


def fault_of(scorer: str, target: Any, **settings: Any) -> str | None:
    return bind(Bar(scorer=scorer, config=settings)).check(_row(target))


def _row(target: Any) -> Example:
    return Example(id="1", messages=({"role": "user", "content": "who?"},), target=target)


@pytest.mark.parametrize(
    ("said", "right", "exact", "f1"),
    [
        ("Denver Broncos", "Denver Broncos", 1, 1.0),
        ("the Denver Broncos.", "Denver Broncos", 1, 1.0),
        ("The Broncos", "Denver Broncos", 0, 2 / 3),
        ("Levi's Stadium in Santa Clara", "Levi's Stadium", 0, 2 * 2 / (5 + 2)),
        ("10 July", "July 10", 0, 1.0),
        ("a  cat's  tail", "cats tail", 1, 1.0),
        ("Saint Bernadette Soubirous", "st. Bernadette", 0, 2 * 1 / (3 + 2)),
        ("", "Paris", 0, 0.0),
        ("the", "Paris", 0, 0.0),
        ("not Paris", "Paris", 0, 2 / 3),
        ("Theo", "o", 0, 0.0),
    ],
)
def test_exact_match_and_f1(said: str, right: str, exact: int, f1: float) -> None:
    assert value_of("exact", right, said, squad=True) == exact
    assert value_of("overlap", right, said, measure="f1") == pytest.approx(f1)
    assert squad_f1(right, right) == 1 and squad_f1(said, right) == squad_f1(right, said)


def test_of_several_references_the_best_counts() -> None:
    several = ["Santa Clara, California", "Levi's Stadium", "Levi's Stadium in the San Francisco Bay Area"]
    assert value_of("exact", several, "levis stadium", squad=True, match="any") == 1
    assert value_of("overlap", several, "Santa Clara", measure="f1", match="any") == pytest.approx(0.8)


def test_a_target_of_articles_alone_is_refused() -> None:
    assert fault_of("exact", "The", squad=True) == "the target holds nothing but punctuation and articles, which do not count"
    assert squad_words("The A-team, an idea!") == ["ateam", "idea"]
