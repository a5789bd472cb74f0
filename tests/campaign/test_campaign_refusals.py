"""What keeps a name from being climbed again is told with the file that it is about, and the others are gone on with."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from moved import Moving, asked

from rung.cli.app import run
from rung.registry.home import open_home


def rewrite(task: Path, **changes: object) -> None:
    task.write_text(yaml.safe_dump(yaml.safe_load(task.read_text()) | changes, sort_keys=False))


def turn_a_label(task: Path) -> None:
    file = task.parent / "messages.csv"
    lines = file.read_text().splitlines()
    lines[5] = lines[5].rpartition(",")[0] + (",negative" if lines[5].endswith("positive") else ",positive")
    file.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("spoil", "problem", "where"),
    [
        (lambda task: task.unlink(), "the task file that tone@1 passed is not there", "task.yaml"),
        (lambda task: shutil.rmtree(task.parent), "the task file that tone@1 passed is not there", "task.yaml"),
        (lambda task: (task.parent / "messages.csv").unlink(), "cannot be read any more", "task.yaml"),
        (lambda task: task.write_text("name: [oops"), "cannot be read any more", "task.yaml"),
        (turn_a_label, "messages.csv changed", "task.yaml"),
        (lambda task: rewrite(task, alpha=0.1), "it is not the task that tone@1 passed: alpha changed", "task.yaml"),
        (lambda task: rewrite(task, instruction="(tone) Good?"), "instruction changed", "task.yaml"),
        (lambda task: rewrite(task, quality={"scorer": "choice", "at_least": 0.5}), "quality changed", "task.yaml"),
    ],
)
def test_what_is_not_as_it_was(
    moving: Moving, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], problem: str, where: str
) -> None:
    spoil(moving.task("tone"))
    assert run(["campaign", moving.new, "--plan", "--json", "--name", "tone"]) == 0
    [line] = json.loads(capsys.readouterr().out)["names"]
    refused = line["refused"]
    assert line["state"] == "refused" and problem in refused["problem"]
    assert where in refused["where"] and "--task FILE" in refused["hint"]


def test_the_others_are_gone_on_with_and_another_file_is_taken(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    turn_a_label(moving.task("tone"))
    names = ["--name", "tone", "--name", "mail"]
    assert run(["campaign", moving.new, "--yes", "--json", *names]) == 1
    lines = {line["entry"]["name"]: line for line in json.loads(capsys.readouterr().out)["names"]}
    assert (lines["tone"]["state"], lines["mail"]["state"]) == ("refused", "passed")
    assert run(["campaign", moving.new, "--status"]) == 0
    count = asked(moving.new)
    assert run(["campaign", moving.new, "--yes", "--task", str(moving.task("tone")), *names]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "stands for the task that tone@1 passed; its rows may be others" in told
    with open_home() as home:
        assert [version.ref for version in home.names.of(name="tone")] == ["tone@1", "tone@2"]
    assert asked(moving.new) > count


def test_a_task_file_of_none_of_the_names(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(moving.task("tone"), name="tune")
    assert run(["campaign", moving.new, "--plan", "--task", str(moving.task("tone"))]) == 2
    assert "its name, 'tune', is none that this campaign climbs again" in capsys.readouterr().err
    assert run(["campaign", moving.new, "--plan", *["--task", str(moving.task("mail"))] * 2]) == 2
    assert "is given for 'mail' already" in capsys.readouterr().err


def test_a_file_that_names_the_new_base_already_is_the_same_task(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(moving.task("tone"), base=moving.new)
    assert run(["campaign", moving.new, "--name", "tone", "--yes"]) == 0
    capsys.readouterr()
    assert run(["climb", str(moving.task("tone"))]) == 0, "and a climb of it is the very climb that the campaign made"
    with open_home() as home:
        assert [version.ref for version in home.names.of(name="tone")] == ["tone@1", "tone@2"]


def test_a_task_that_puts_an_adapter_on_its_base(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(moving.task("tone"), base={"model": moving.old, "adapter": "adapters/own"})
    assert run(["campaign", moving.new, "--plan", "--json", "--name", "tone", "--task", str(moving.task("tone"))]) == 0
    [line] = json.loads(capsys.readouterr().out)["names"]
    assert "its base carries the adapter" in line["refused"]["problem"] and "take base.adapter out" in line["refused"]["hint"]


def test_a_version_that_no_task_has_judged(moving: Moving, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("(tone) Be brief.")
    assert run(["import", str(prompt), "--as", "brought", "--base", moving.old]) == 0
    capsys.readouterr()
    assert run(["campaign", moving.new, "--plan", "--json", "--name", "brought"]) == 0
    [line] = json.loads(capsys.readouterr().out)["names"]
    assert line["refused"]["problem"] == "brought@1 was judged by no task here" and line["state"] == "refused"
