"""`rung score`: what each bar says of one answer to one row, why, and what was read of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from rung.cli.app import run

TASK = """\
name: bills
data: {examples: rows.jsonl, split: {train: 4, dev: 3, test: 5}}
quality: {scorer: numeric, at_least: .5}
guards:
  short: {scorer: regex, pattern: "^.{1,20}$", at_least: .9}
"""


@pytest.fixture
def task(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [{"id": f"bill-{n}", "prompt": f"How much is bill number {n}?", "completion": str(n - 3)} for n in range(12)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "task.yaml").write_text(TASK, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "task.yaml"


def scored(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["score", "task.yaml", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("task")
def test_every_bar_says_its_score_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    told = scored(capsys, "It is 8 euros, I am quite sure.", "--row", "bill-10")
    quality, short = told["bars"]
    assert (told["row"], told["source"], quality["ideal"]) == ("bill-10", "rows.jsonl:11", "7")
    assert (quality["score"], quality["ideal_score"]) == (0, 1)
    assert "7" in quality["reason"]
    assert (short["score"], short["reason"]) == (0, "the pattern finds nothing in the answer")
    assert scored(capsys, "7", "--row", "rows.jsonl:11")["bars"][0]["score"] == 1


@pytest.mark.usefixtures("task")
def test_a_minus_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert scored(capsys, "-3", "--row", "bill-0")["bars"][0]["score"] == 1


@pytest.mark.usefixtures("task")
def test_what_was_thought_is_told_apart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("<think>6 or 8?</think>\n7"))
    told = scored(capsys, "-", "--row", "bill-10")
    assert (told["thought"].strip(), told["answer"], told["bars"][0]["score"]) == ("6 or 8?", "7", 1)


@pytest.mark.usefixtures("task")
def test_a_person_is_shown_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "task.yaml", "", "--row", "bill-10"]) == 0
    said = capsys.readouterr().out
    for words in ("bill-10 (rows.jsonl:11, ", "How much is bill number 10?", "an empty answer", "quality", "numeric", "short"):
        assert words in said


@pytest.mark.usefixtures("task")
def test_a_row_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "task.yaml", "7", "--row", "bil-10"]) == 2
    said = capsys.readouterr().err
    assert "no row is called 'bil-10'" in said
    assert "Did you mean 'bill-10'?" in said
