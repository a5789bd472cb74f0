"""What a file does not say is said by options, asked in a terminal, or left open in a draft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from rung.cli import asking
from rung.cli.app import run
from rung.cli.commands.init import command

HEAD = "title,body,team,urgent\n"


@pytest.fixture
def mails(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lines = (f"boat {n},a boat is late on day {n},{('port', 'crew', 'cargo')[n % 3]},{n % 2}\n" for n in range(240))
    (tmp_path / "mails.csv").write_text(HEAD + "".join(lines), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mails.csv"


@pytest.fixture
def unclear(mails: Path) -> Path:
    """Two columns of codes, of which neither looks like an answer."""
    lines = (f"a boat is late on day {n},c{n:04},s{n:04}\n" for n in range(240))
    mails.with_name("unclear.csv").write_text("body,colour,size\n" + "".join(lines), "utf-8")
    return mails.with_name("unclear.csv")


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_columns_and_scorer_are_taken_as_said(mails: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--input", "Mail of the day: {body}", "--target", "urgent", "--scorer", "exact"]
    assert run(["init", str(mails), "--json", *options]) == 0
    document = said(capsys)
    assert document["columns"] == {"input": "Mail of the day: {body}", "target": "urgent"}
    assert document["scorer"] == "exact"
    spec = yaml.safe_load(Path("task.yaml").read_text("utf-8"))
    assert (spec["data"]["columns"], spec["quality"]["scorer"]) == (document["columns"], "exact")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--input", "boody"],
            "--input: mails.csv has no column 'boody'\n  Did you mean 'body'? Columns: title, body, team, urgent.",
        ),
        (["--target", "tea"], "--target: mails.csv has no column 'tea'\n  Did you mean 'team'?"),
        (["--scorer", "chioce"], "--scorer: there is no scorer 'chioce'\n  Did you mean 'choice'?"),
        (["--format", "cvs"], "--format: there is no format 'cvs'\n  Did you mean 'csv'?"),
        (["--format", "headr=false"], "--format: unknown key 'headr'\n  Did you mean 'header'?"),
        (["--format", "header=perhaps"], "'perhaps' is neither true nor false"),
        (["--format", "no=,header=true"], "unknown key 'no'"),
    ],
)
def test_what_there_is_not_is_2(mails: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    assert run(["init", "mails.csv", *options]) == 2
    assert message in capsys.readouterr().err
    assert not Path("task.yaml").exists()


def test_a_layout_may_be_said(mails: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mails.txt").write_text(mails.read_text("utf-8").replace(",", ";"), "utf-8")
    assert run(["init", "mails.txt", "--json", "--format", "format=csv,delimiter=;,header=false"]) == 0
    assert said(capsys)["rows"] == 241


def test_every_reason_is_told_where_it_is_asked_for(mails: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "mails.csv", "--explain"]) == 0
    told = capsys.readouterr().out
    assert "Why:" in told
    assert "  target: team, because " in told
    assert "--target COLUMN" in told


def test_without_a_terminal_the_command_to_run_is_named(unclear: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "unclear.csv"]) == 2
    told = capsys.readouterr().err
    assert "It could be colour or size. Say which: rung init unclear.csv --input body --target colour." in told


def test_in_a_terminal_it_asks(unclear: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "is_terminal", lambda: True)
    result = CliRunner().invoke(command, ["unclear.csv", "--scorer", "exact"], input="7\n2\n", standalone_mode=False)
    assert result.exception is None
    assert "1  colour  (240 different, such as 'c0000', 'c0001')" in result.output
    assert yaml.safe_load(Path("task.yaml").read_text("utf-8"))["data"]["columns"] == {"input": "body", "target": "size"}


def test_json_never_asks(unclear: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(asking, "is_terminal", lambda: True)
    assert run(["init", "unclear.csv", "--json"]) == 2
    assert "--target colour" in said(capsys)["error"]["hint"]


def test_a_draft_marks_its_open_lines_and_a_plan_names_them(unclear: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "unclear.csv", "--draft"]) == 0
    spec = yaml.safe_load(Path("task.yaml").read_text("utf-8"))
    assert spec["data"]["columns"]["input"] == "body"
    assert spec["data"]["columns"]["target"].startswith("TO DO: the column with the right answers, one of colour, size")
    capsys.readouterr()
    assert run(["plan", "task.yaml"]) == 2
    told = capsys.readouterr().err
    line = next(
        n for n, text in enumerate(Path("task.yaml").read_text("utf-8").splitlines(), 1) if "target: " in text and "TO DO" in text
    )
    assert f"task.yaml:{line}: 'data.columns.target' is still to do" in told
    assert "'quality.scorer' is still to do" in told


def test_a_draft_of_what_is_clear_is_the_task_file(mails: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "mails.csv", "--draft"]) == 0
    assert "TO DO" not in Path("task.yaml").read_text("utf-8")


def test_numbers_as_classes_leave_a_place_for_their_names(mails: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "mails.csv", "--target", "urgent"]) == 0
    assert "# names: {0: ..., 1: ...}   # what the numbers stand for" in Path("task.yaml").read_text("utf-8")
    Path("task.yaml").unlink()
    Path("classes.txt").write_text("calm\nurgent\n", "utf-8")
    assert run(["init", "mails.csv", "--target", "urgent", "--json"]) == 0
    text = Path("task.yaml").read_text("utf-8")
    assert yaml.safe_load(text)["data"]["names"] in ({"0": "calm", "1": "urgent"}, {0: "calm", 1: "urgent"})
    assert "one of these: calm, urgent" in text
