"""What a caller waits: each row alone, on a clock that the answers turn."""

from __future__ import annotations

import pytest

from rung.types import Example
from rung.verify.wait import WAIT_ROWS, waits

ROWS = [Example(id=str(n), messages=({"role": "user", "content": str(n)},)) for n in range(50)]


class Model:
    """Takes the seconds that it is told for each row; loads at its first question."""

    def __init__(self, seconds: list[float]) -> None:
        self.now_s, self.seconds, self.asked, self.loaded = 0.0, seconds, [], False

    def __call__(self, row: Example) -> str:
        self.asked.append(row.id)
        self.now_s += self.seconds[int(row.id)] if self.loaded else 1000.0
        self.loaded = True
        return "yes"


def measured(seconds: list[float], rows: int = 50, limit_s: float = 2.0) -> tuple[tuple[float, ...], Model]:
    model = Model(seconds)
    return waits(model, ROWS[:rows], limit_s, clock=lambda: model.now_s), model


def test_each_row_is_asked_alone_and_loading_is_nobodys_wait() -> None:
    found, model = measured([0.5 + n / 100 for n in range(50)])
    assert found == pytest.approx([0.5 + n / 100 for n in range(WAIT_ROWS)])
    assert model.asked == ["0", *[str(n) for n in range(WAIT_ROWS)]]


def test_one_slow_answer_in_twenty_is_within_a_limit_on_95_of_100() -> None:
    found, _ = measured([9.0] + [0.1] * 49)
    assert len(found) == WAIT_ROWS and sum(one <= 2.0 for one in found) / len(found) >= 0.95


def test_it_ends_once_the_limit_cannot_hold_any_more() -> None:
    found, model = measured([0.1, 9.0, 0.1, 9.0, *[0.1] * 46])
    assert found == pytest.approx((0.1, 9.0, 0.1, 9.0)) and len(model.asked) == 5
    found, _ = measured([9.0] * 50, rows=3)
    assert found == (9.0,), "of three rows none may be slower"


def test_no_rows_are_no_waits() -> None:
    assert measured([], rows=0)[0] == ()
