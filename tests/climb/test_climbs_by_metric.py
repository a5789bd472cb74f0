"""Whole climbs whose quality bar is no mean over all rows, from the task file to page and terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from rung.climb.climb import climb
from rung.progress import Silent
from rung.registry.documents import ClimbDocument
from rung.registry.home import open_home
from rung.report.html import page
from rung.report.tables import ladder_table
from rung.task.load import load_task

MODEL = """
def model(request):
    asked = request["messages"][-1]["content"]
    number = int(asked.split()[-1])
    spam = "offer" in asked
    # A third of the spam is missed.
    return "spam" if spam and number % 9 else "ham"
"""


def climbed(folder: Path, quality: str) -> ClimbDocument:
    (folder / "model.py").write_text(MODEL)
    splits = {"train": range(20), "dev": range(100, 140), "test": range(1000, 1400)}
    numbered = [(split, number) for split, numbers in splits.items() for number in numbers]
    both = {"q": "an offer", "a": "spam"}, {"q": "a letter", "a": "ham"}
    kinds = [(both[number % 3 > 0], split, number) for split, number in numbered]
    rows = [{"q": f"{kind['q']} {number}", "a": kind["a"], "split": split} for kind, split, number in kinds]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "task.yaml").write_text(
        "name: mail\nbase: scripted:model.py#model\ninstruction: Spam or ham?\n"
        "data: {examples: rows.jsonl, columns: {input: q, target: a, split: split}}\n"
        f"quality: {{scorer: choice, {quality}}}\nrungs: {{r0_linear: {{skip: true}}}}\n"
    )
    with open_home(folder / "home", write=True) as home:
        return climb(load_task(folder / "task.yaml", folder), home, progress=Silent())


@pytest.mark.parametrize(
    ("quality", "estimate", "told"),
    [
        ("at_least: .6, metric: macro_f1", 0.86, "macro f1"),
        ("at_least: .5, metric: recall, of: spam", 0.66, "recall"),
        ("at_most: 12, cost: {spam->ham: 1, ham->spam: 20}", 0.11, "cost"),
    ],
)
def test_a_climb_by_a_metric_reaches_page_and_terminal(tmp_path: Path, quality: str, estimate: float, told: str) -> None:
    document = climbed(tmp_path, quality)
    assert document.verdict.status == "pass" and document.winner and document.winner.verdict
    verdict = document.winner.verdict
    assert verdict.estimate == pytest.approx(estimate, abs=0.06) and told in verdict.reason
    screen = io.StringIO()
    Console(file=screen, width=150).print(ladder_table(document))
    head = next(line for line in screen.getvalue().splitlines() if "verdict" in line and "bounds" in line)
    assert head.index("bounds") < min(place for name in ("score", "figure") if (place := head.find(name)) > 0)
    assert told in page(document) and told in screen.getvalue()
    assert any("rests on" in line.text for line in document.card)
