"""What `rung plan` measures, and that it takes no longer than it may."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rung.climb.outlook.plan import CALIBRATION_ROWS, FIRST_ROWS, Speeds
from rung.progress import Silent
from rung.types import Bar, Candidate, Example, Task

ROWS = tuple(
    Example(id=str(number), messages=({"role": "user", "content": str(number)},), target="a", split="dev", group=str(number))
    for number in range(100)
)


@pytest.mark.parametrize(("ends", "asked"), [(math.inf, [2, FIRST_ROWS, CALIBRATION_ROWS - FIRST_ROWS]), (0.0, [2, FIRST_ROWS])])
def test_answers_are_measured_on_as_many_rows_as_time_allows(
    monkeypatch: pytest.MonkeyPatch, ends: float, asked: list[int]
) -> None:
    speeds: Any = object.__new__(Speeds)
    speeds.task = Task(name="t", base="x", instruction="", examples=ROWS, quality=Bar(scorer="exact", at_least=0.5))
    speeds.progress, speeds.runtime, speeds.ends = Silent(), None, ends
    seen: list[int] = []
    monkeypatch.setattr("rung.engine.answer.answer", lambda candidate, rows, runtime, stage=None: seen.append(len(rows)))
    assert speeds.asked_s(Candidate(rung="plan", base="x"), "at all") >= 0
    assert seen == asked
