"""docs/bars.md says what its own example prints."""

from __future__ import annotations

from pathlib import Path

from bar_rows import CHOICE, examples_of, task_of

from rung.types import Bar
from rung.verify.alpha import AlphaPlan
from rung.verify.split_size import card

PAGE = Path(__file__).parents[2] / "docs" / "bars.md"


def test_the_page_shows_what_the_card_says_of_63_of_900_rows() -> None:
    found = Bar(**CHOICE, at_least=0.8, where={"target": "spam"}, name="found")
    cost = Bar(**CHOICE, at_most=0.4, cost={"spam->ham": 1.0, "ham->spam": 20.0})
    task = task_of(examples_of(["spam"] * 63 + ["ham"] * 837), cost, guards=(found,))
    lines = [str(line["text"]) for line in card(task, AlphaPlan(number=1, alpha=task.alpha, rungs=("r",)))]
    said = next(line for line in lines if "'found'" in line)
    assert said in PAGE.read_text(encoding="utf-8")
