"""What the audit of the data found, at every command that reads a task to spend something on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from rung.cli.app import run

MODEL = 'def answer(request):\n    return {"text": "positive" if "love" in request["messages"][-1]["content"] else "negative"}\n'
ADDRESS = "jane.doe@mail.example.org"


@pytest.fixture
def task_file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task that the scripted model solves, with a row that stands twice and two that hold an address."""
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL)
    rows = [f"row {i}: I {'love' if i % 2 else 'hate'} it,{'positive' if i % 2 else 'negative'}" for i in range(240)]
    rows += [f"I love {ADDRESS} {i},positive" for i in range(2)] + [rows[0]]
    Path("messages.csv").write_text("\n".join(["text,tone", *rows]) + "\n")
    return write_task(Path("task.yaml"))


def write_task(path: Path, **checks: object) -> Path:
    data = {"examples": "messages.csv", "columns": {"input": "text", "target": "tone"}, "checks": checks}
    task = {
        "name": "toy",
        "base": "scripted:model.py#answer",
        "instruction": "Positive or negative?",
        "data": data | {"split": {"train": 62, "dev": 40, "test": 140}},
        "quality": {"scorer": "choice", "at_least": 0.7},
        "rungs": {"r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}},
    }
    path.write_text(yaml.safe_dump(task), "utf-8")
    return path


def test_plan_tells_them_a_line_each(task_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "task.yaml"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Data")]
    assert said == [
        "Data  warning: e-mail addresses in 2 rows: an adapter may learn them by heart (messages.csv:242, messages.csv:243)",
        "Data  info: 1 row stands twice, with the same answer; the first of each counts (messages.csv:244 (as messages.csv:2))",
    ]
    assert run(["plan", "task.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(finding["check"], finding["count"]) for finding in found] == [("pii", 2), ("duplicates", 1)]


@pytest.mark.parametrize("command", ["climb", "plan", "diagnose"])
def test_an_error_stops_every_command_and_lists_the_rows(task_file: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    write_task(task_file, pii={"severity": "error"})
    assert run([command, "task.yaml"]) == 2
    said = capsys.readouterr().err
    assert "pii: e-mail addresses in 2 rows" in said
    assert "messages.csv:242\n" in said and "messages.csv:243\n" in said
    assert "data.checks: {pii: {severity: warning}}" in said
    assert ADDRESS not in said


def test_a_climb_keeps_and_shows_them(task_file: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["climb", "task.yaml", "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)["findings"]
    assert [(finding["check"], finding["severity"], finding["places"][0]) for finding in found] == [
        ("pii", "warning", "messages.csv:242"),
        ("duplicates", "info", "messages.csv:244 (as messages.csv:2)"),
    ]
    page = (home / "reports" / "toy.html").read_text("utf-8")
    assert "e-mail addresses in 2 rows: an adapter may learn them by heart" in page
    assert ADDRESS not in page.split('id="findings"')[1].split("</section>")[0]


def test_bad_rows_are_told_by_plan_climb_and_page(task_file: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("messages.csv").open("a") as file:
        file.write(",positive\n")
    told = "1 row of 244 cannot be used and is left out: messages.csv:245: the input is empty"
    assert run(["plan", "task.yaml"]) == 0
    assert f"Data  warning: {told}\n" in capsys.readouterr().out
    assert run(["climb", "task.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert (found[0]["check"], found[0]["message"], found[0]["places"]) == ("bad_rows", told, ["messages.csv:245"])
    section = (home / "reports" / "toy.html").read_text("utf-8").split('id="findings"')[1].split("</section>")[0]
    assert section.count("messages.csv:245") == 1 and told in section
