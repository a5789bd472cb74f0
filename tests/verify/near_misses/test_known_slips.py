"""Wrong answers that scorers elsewhere took for right, and right ones that they took for wrong, as small inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.types import Bar, Example
from rung.verify.scoring import bind

LETTERS = ("A", "B", "C", "D")


@pytest.mark.parametrize(
    ("scorer", "config", "targets", "answer", "right"),
    [
        ("numeric", {}, ["11"], "ANSWER: 711", 0),
        ("numeric", {}, ["49", "149"], "149", 0),
        ("numeric", {}, ["-5"], "5", 0),
        ("numeric", {}, ["3.14"], "33.14", 0),
        ("numeric", {}, ["42"], "The answer is 42!", 1),
        ("numeric", {}, ["42"], "The answer is (42).", 1),
        ("numeric", {}, ["2"], "so there are $\\boxed{2}$ vertical asymptotes.", 1),
        ("contains", {}, ["0 matching results"], "230 matching results", 0),
        ("contains", {}, ["Spice Girls"], "The answer is the Spice Girls.", 1),
        ("choice", {}, LETTERS, "Every option seems bad to me.", 0),
        ("choice", {}, LETTERS, "정답: A", 1),
        ("choice", {}, LETTERS, "Correct answer is (A).", 1),
        ("choice", {}, ["positive", "negative"], "It is not positive.", 0),
        ("choice", {}, ["positive", "negative"], "", 0),
        ("exact", {}, ["saved"], "I cannot confirm that it was saved", 0),
        ("regex", {"pattern": r"#### (\d+)"}, ["#### 540"], "60 * 9 = 540\n#### 540", 1),
        ("overlap", {}, ["the shoes can be sent back"], "", 0),
    ],
)
def test_a_known_slip(scorer: str, config: dict[str, Any], targets: Any, answer: str, right: float) -> None:
    """The first target is the row's; the others are those of other rows."""
    rows = tuple(
        Example(id=str(number), messages=({"role": "user", "content": f"ask {number}"},), target=target)
        for number, target in enumerate(targets)
    )
    assert bind(Bar(scorer=scorer, config=config)).settle(rows, Path()).score(rows[0], answer).value == right
