from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rung.cli.app import run
from rung.task.load import load_task

CITIES = ("Rome", "Paris", "Oslo")
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
Write = Callable[[Path], None]


def labels(path: Path) -> None:
    draw = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "customer"])
        writer.writerows(
            [f"message {i} {draw.random()}", draw.choice(["good\x85\x07", "bad: #no"]), f"c{i // 2}"] for i in range(300)
        )


def jsonl(row: Callable[[int], dict[str, Any]]) -> Write:
    return lambda path: path.write_text("".join(json.dumps(row(i)) + "\n" for i in range(120)), "utf-8") and None


def completions(i: int) -> dict[str, Any]:
    return {"prompt": f"Which city is number {i}?", "completion": f"It is {CITIES[i % 3]}, {i}, by the river of that name"}


def chats(i: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Number {i}?"}, {"role": "assistant", "content": CITIES[i % 3]}]}


def calls(i: int) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": CITIES[i % 3]})}}
    answer = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"messages": [{"role": "user", "content": f"Weather in {CITIES[i % 3]} at {i}?"}, answer], "tools": [TOOL]}


def extractions(i: int) -> dict[str, Any]:
    return {"prompt": f"Order {i} to {CITIES[i % 3]}", "completion": json.dumps({"number": i, "city": CITIES[i % 3]})}


SHAPES: list[tuple[str, Write, str]] = [
    ("labels.csv", labels, "choice"),
    ("completions.jsonl", jsonl(completions), "overlap"),
    ("chats.jsonl", jsonl(chats), "choice"),
    ("calls.jsonl", jsonl(calls), "tool_call"),
    ("extractions.jsonl", jsonl(extractions), "json_fields"),
]


@pytest.mark.parametrize(("name", "write", "scorer"), SHAPES, ids=[name for name, _, _ in SHAPES])
def test_a_task_file_is_written_that_loads_without_an_edit(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, write: Write, scorer: str
) -> None:
    write(tmp_path / name)
    out = tmp_path / "task.yaml"
    assert run(["init", str(tmp_path / name), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["scorer"], said["out"]) == (scorer, str(out))
    text = out.read_text("utf-8")
    assert "# What this test split can and cannot prove:" in text
    unwrapped = " ".join(text.replace("\n#", " ").split())
    assert all(line in unwrapped for line in said["card"])
    task = load_task(out, tmp_path / "downloads")
    assert (task.name, task.quality.scorer, task.quality.at_least) == (Path(name).stem, scorer, said["at_least"])
    assert all(task.split(part) for part in ("train", "dev", "test"))


def test_what_was_found_is_said(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    labels(tmp_path / "my labels.csv")
    assert run(["init", "my labels.csv"]) == 0
    said = capsys.readouterr().out
    assert "300 rows" in said
    assert "Written: task.yaml" in said
    text = (tmp_path / "task.yaml").read_text("utf-8")
    spec = yaml.safe_load(text)
    assert (spec["name"], spec["data"]["examples"], spec["data"]["group"]) == ("my-labels", "my labels.csv", "customer")
    assert spec["data"]["columns"] == {"input": "text", "target": "label"}
    assert "Classes: " in text


def test_a_small_gate_gets_a_bar_that_it_can_prove(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(extractions(i)) + "\n" for i in range(40)), "utf-8")
    out = tmp_path / "task.yaml"
    assert run(["init", str(tmp_path / "few.jsonl"), "--out", str(out)]) == 0
    assert yaml.safe_load(out.read_text("utf-8"))["quality"]["at_least"] < 0.8
    assert "It stands at what a test split of this size can prove" in out.read_text("utf-8")


def test_an_existing_file_is_never_overwritten(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels(tmp_path / "labels.csv")
    out = tmp_path / "task.yaml"
    out.write_text("mine")
    assert run(["init", str(tmp_path / "labels.csv"), "--out", str(out)]) == 2
    assert out.read_text() == "mine"
    assert "there is a file already" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01\x02\xff" * 100, b"text,label\n"])
def test_a_file_that_is_no_data_is_2_and_leaves_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "data.csv").write_bytes(content)
    assert run(["init", str(tmp_path / "data.csv"), "--out", str(tmp_path / "task.yaml")]) == 2
    said = capsys.readouterr().err
    assert "data.csv" in said
    assert "Traceback" not in said
    assert not (tmp_path / "task.yaml").exists()


def test_a_folder_that_is_not_there_is_said(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels(tmp_path / "labels.csv")
    assert run(["init", str(tmp_path / "labels.csv"), "--out", str(tmp_path / "no" / "task.yaml")]) == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
