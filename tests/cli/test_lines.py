"""Progress in a pipe: lines with figures, on a clock that the test turns."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rung.cli.lines import EVERY_S, Lines


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def told() -> tuple[Lines, Clock, io.StringIO]:
    clock, out = Clock(), io.StringIO()
    return Lines(out, clock=clock), clock, out


def test_a_stage_is_told_when_it_begins_and_ends_with_its_figures() -> None:
    lines, clock, out = told()
    with lines.stage("Training", 10) as stage:
        assert out.getvalue() == "Training ...\n", "before anything is done"
        clock.now_s += 4
        stage.advance(4, loss=0.51239, tokens_per_s=1234.5)
        stage.advance(6, loss=0.25)
    assert out.getvalue().splitlines() == ["Training ...", "Training: done in 4.00 s, 10 of 10, loss 0.25, 1,234 tokens/s"]


def test_between_there_is_at_most_a_line_in_thirty_seconds() -> None:
    lines, clock, out = told()
    with lines.stage("Training", 3600) as stage:
        for _ in range(3600):
            clock.now_s += 1
            stage.advance(1, loss=1.0)
    between = out.getvalue().splitlines()[1:-1]
    assert len(between) == 3600 / EVERY_S
    assert between[0] == "Training: 30 s, 30 of 3,600, loss 1"


def test_a_line_of_any_stage_will_do_for_all() -> None:
    lines, clock, out = told()
    with lines.stage("outer", 2) as outer:
        clock.now_s += 29
        with lines.stage("inner"):
            clock.now_s += 29
        outer.advance(1)
        assert len(out.getvalue().splitlines()) == 3, "58 s have passed, and none since the last line"
        clock.now_s += 30
        outer.advance(1)
    assert out.getvalue().splitlines() == [
        "outer ...",
        "  inner ...",
        "  inner: done in 29 s",
        "outer: 1 min 28 s, 2 of 2",
        "outer: done in 1 min 28 s, 2 of 2",
    ]


def test_notes_are_lines_and_a_stage_that_breaks_says_when() -> None:
    lines, clock, out = told()
    with pytest.raises(KeyboardInterrupt), lines.stage("Broken", 3), lines.stage("deep"):
        lines.note("a note")
        clock.now_s += 65
        raise KeyboardInterrupt
    assert out.getvalue().splitlines() == [
        "Broken ...",
        "  deep ...",
        "    a note",
        "  deep: stopped after 1 min 5 s",
        "Broken: stopped after 1 min 5 s, 0 of 3",
    ]


def test_with_json_standard_output_is_json_and_nothing_else(home: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("def model(request):\n    return 'yes'\n")
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["q", "a"], *[[f"row {n}", "yes"] for n in range(80)]])
    task = {
        "name": "yes",
        "base": "scripted:model.py#model",
        "instruction": "Say yes.",
        "data": {"examples": "rows.csv", "columns": {"input": "q", "target": "a"}, "split": {"train": 20, "dev": 20, "test": 40}},
        "quality": {"scorer": "exact", "at_least": 0.7},
        "rungs": {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [], "calibrate": False}},
    }
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(task))
    command = [sys.executable, "-m", "rung", "climb", str(tmp_path / "task.yaml"), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=dict(os.environ))
    assert json.loads(ran.stdout)["verdict"]["status"] == "pass", ran.stderr
    assert "\x1b" not in ran.stderr
    assert "r1_prompt at the gate: done in " in ran.stderr and ran.stderr.startswith("Reading ")
