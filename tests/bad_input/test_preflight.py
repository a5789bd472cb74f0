"""Whatever can be known before anything is spent is told by every command that would spend: plan, climb, diagnose and forecast."""

from __future__ import annotations

import json
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


def test_rows_of_train_that_the_base_has_no_room_for_are_told(home, task, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"message {n}: {'love' if n % 2 else 'broken'},{'positive' if n % 2 else 'negative'},{'train'}" for n in range(60)]
    rows += [f"other {n}: {'love' if n % 2 else 'broken'},{'positive' if n % 2 else 'negative'},{'dev'}" for n in range(40)]
    rows += [f"third {n}: {'love' if n % 2 else 'broken'},{'positive' if n % 2 else 'negative'},{'test'}" for n in range(140)]
    rows[3] = f'"{"late again " * 2000}",negative,train'
    (folder / "messages.csv").write_text("\n".join(["text,tone,part", *rows]) + "\n")

    def edit(content: dict[str, Any]) -> None:
        content["data"]["columns"]["split"] = "part"
        del content["data"]["split"]

    assert run(["plan", task(edit)]) == 0
    said = capsys.readouterr().err
    assert "1 row of train does not fit the base, which reads at most 2,048 tokens, its answer included; they are left out" in said
    assert "messages.csv:5: " in said


STRICT = (
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}{{ raise_exception('no such speaker') }}{% endif %}"
    "{% set place = loop.index0 - (1 if messages[0]['role'] == 'system' else 0) %}"
    "{% if message['role'] != 'system' and (message['role'] == 'user') != (place % 2 == 0) %}"
    "{{ raise_exception('user and assistant take turns') }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
DEAF = (
    "{% for message in messages %}{% if message['role'] in ['system', 'user', 'assistant'] %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "turns", "words"),
    [
        (STRICT, ("assistant", "user"), "user and assistant take turns"),
        (STRICT, ("user", "assistant", "system", "user"), "user and assistant take turns"),
        (STRICT, ("developer", "user"), "no such speaker"),
        (DEAF, ("developer", "user"), "leaves out the turn of the developer"),
    ],
)
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_rows_that_the_template_refuses(
    refused, task, folder: Path, tiny_base: Path, split: str, template: str, turns: tuple[str, ...], words: str
) -> None:
    shutil.copytree(tiny_base, folder / "model")
    (folder / "model" / "chat_template.jinja").write_text(template)
    odd = {"train": 7, "dev": 107, "test": 207}[split]
    rows = []
    for n in range(300):
        speakers = turns if n in (odd, odd + 1) else ("user",)
        messages = [{"role": role, "content": f"turn {place} of {n}"} for place, role in enumerate(speakers)]
        rows.append({"messages": messages, "target": ["yes", "no"][n % 2], "part": ["train", "dev", "test"][n // 100]})
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def edit(content: dict[str, Any]) -> None:
        content["base"] = "model"
        content["data"] = {"examples": "rows.jsonl", "columns": {"split": "part"}}

    said = refused("plan", task(edit))
    assert said.startswith("rung: task.yaml: 2 rows are nothing that the base's chat template can say\n")
    assert words in said
    assert f"rows.jsonl:{odd + 1}\n" in said
    assert f"rows.jsonl:{odd + 2}\n" in said
