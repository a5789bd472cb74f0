"""Whatever can be known before anything is spent is told by every command that would spend: plan, climb, diagnose and forecast."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.cli.app import run

COMMANDS = ("plan", "climb", "diagnose", "forecast")


def put(place: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """An edit that sets `a.b` of the task file."""

    def edit(content: dict[str, Any]) -> None:
        *around, last = place.split(".")
        for key in around:
            content = content.setdefault(key, {})
        content[last] = value

    return edit


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (put("rungs.r1_prompt", {"dev_row": 20}), "unknown key 'dev_row'. Did you mean 'dev_rows'?"),
        (put("rungs.r4_adapter", {"skip": "yes"}), "'skip' cannot be 'yes': it is true or false"),
        (put("probes.sampling", {"sample": 3}), "unknown key 'sample'. Did you mean 'samples'?"),
        (put("probes.format", {"skip": 1}), "'skip' cannot be 1: it is true or false"),
        (put("quality", {"scorer": "choice", "better_than": "r1_promt"}), "the bar compares with 'r1_promt'"),
    ],
)
def test_a_wrong_setting_is_told_with_its_line(refused, task, command: str, edit: Any, words: str) -> None:
    said = refused(command, task(edit))
    assert words in said
    assert said.removeprefix("rung: task.yaml:").partition(":")[0].isdecimal()


@pytest.mark.parametrize("command", COMMANDS)
def test_all_wrong_settings_are_told_at_once(refused, task, command: str) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["rungs"] = {"r1_prompt": {"dev_row": 20}, "r4_adapter": {"ranks": 4}}
        content["probes"] = {"sampling": {"sample": 3}}
        content["guards"] = {"as_good": {"scorer": "exact", "not_worse_than": "champion", "margin": 0.1}}

    said = refused(command, task(edit))
    assert said.startswith("rung: task.yaml: 4 problems\n")
    for words in ("'dev_row'", "'ranks'", "'sample'", "'champion', which is neither a rung nor registered"):
        assert words in said


@pytest.mark.parametrize("command", ["climb", "diagnose", "forecast"])
def test_a_split_that_can_prove_nothing(refused, task, command: str) -> None:
    said = refused(command, task(put("quality.at_least", 0.99)))
    assert "the test split has 140 rows, and 'quality' needs at least" in said
    assert "data.split.test" in said


def test_the_plan_shows_what_a_split_that_is_too_small_can_prove(home, task, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", task(put("quality.at_least", 0.99))]) == 2
    said = capsys.readouterr().out
    assert "It cannot be climbed as it is: the test split has 140 rows, and 'quality' needs at least" in said
    assert "What the test split can and cannot prove" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_base_is_told_with_its_line(refused, task, tiny_base: Path, folder: Path, command: str) -> None:
    shutil.copytree(tiny_base, folder / "model")
    (folder / "model" / "chat_template.jinja").unlink()
    assert refused(command, task(put("base", "model"))).startswith("rung: task.yaml:2: model: ")
    assert refused(command, task(put("base", "pypi:llm"))).startswith("rung: task.yaml:2: pypi:llm: no base starts with 'pypi:'\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_rows_that_the_base_has_no_room_for(refused, task, folder: Path, command: str) -> None:
    lines = (folder / "messages.csv").read_text().splitlines()
    (folder / "messages.csv").write_text("\n".join([*lines[:-1], f'"{"late again " * 2000}",negative']) + "\n")
    said = refused(command, task(put("data.split", {"dev": 40, "test": 200})))
    assert "1 row does not fit the base" in said
    assert "messages.csv:241: " in said
