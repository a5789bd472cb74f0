"""A folder that is no language model one can ask is said to be what it is, with the way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rung.engine.bases.resolve import resolve
from rung.errors import UserError


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


def refused(folder: Path, home: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        resolve(str(folder), home)
    assert caught.value.where and caught.value.hint
    return caught.value


def _write(name: str, value: Any = None):
    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(value or {}))

    return write


def _only(name: str, value: Any = None):
    """Nothing but that file."""

    def write(folder: Path) -> None:
        shutil.rmtree(folder)
        _write(name, value)(folder)

    return write


def _config(**changes: Any):
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    return change


@pytest.mark.parametrize(
    ("spoil", "problem", "hint"),
    [
        (_only("adapter_config.json", {"base_model_name_or_path": "org/b"}), "an adapter (PEFT)", "base: {model: org/b, adapter: "),
        (_write("adapter_config.json"), "a whole model and an adapter", "Move the adapter's files"),
        (_only("model_index.json"), "diffusers", "causal language model"),
        (_write("modules.json", []), "an encoder (sentence-transformers)", "knowledge.encoder"),
        (_config(architectures=["BertModel"]), "BertModel is a body without the head", "knowledge.encoder"),
        (_config(architectures=["LlamaForSequenceClassification"]), "a classifier of texts", "causal language model"),
        (_config(architectures=["ModernBertForMaskedLM"]), "an encoder, which fills gaps", "knowledge.encoder"),
        (_config(architectures=["ViTForImageClassification"]), "a classifier of images", "causal language model"),
        (_config(architectures=["T5ForConditionalGeneration"], is_encoder_decoder=True), "seq2seq", "causal language model"),
        (_config(architectures="LlamaForCausalLM"), "no list of names", "again"),
        (_config(model_type=None), "does not say its model_type (its architectures: ['LlamaForCausalLM'])", "published"),
        (_config(model_type=3), "model_type is no text", "again"),
        (_only("params.json"), "publisher's own format", "model.safetensors"),
        (_only("checkpoint-50/config.json"), "no model, but holds one", "checkpoint-50"),
        (_only("snapshots/0123/config.json"), "no model, but holds one", "snapshots/0123"),
        (_only("model-q4.gguf"), "GGUF files", "model-q4.gguf"),
        (lambda f: (f / "config.json").write_bytes(b'{"a": "\xff"}'), "no UTF-8 text, at byte 7", "damaged"),
        (
            lambda f: (f / "config.json").write_text("version https://git-lfs.github.com/spec/v1"),
            "pointer of git-lfs",
            "git lfs pull",
        ),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "not JSON", "damaged"),
    ],
)
def test_what_it_is_and_the_way_out(copy, home, spoil, problem, hint):
    spoil(copy)
    told = refused(copy, home)
    assert problem in told.problem and hint in told.hint
    assert told.where.startswith(str(copy))


def test_several_checkpoints_are_listed(copy, home):
    for step in (100, 50):
        _write(f"run/checkpoint-{step}/config.json")(copy)
    told = refused(copy / "run", home)
    assert told.problem == "the folder is no model, but holds 2 of them"
    assert f"{copy}/run/checkpoint-100, {copy}/run/checkpoint-50." in told.hint


def test_a_file_is_not_its_folder(copy, home):
    assert f"Name the folder: {copy}" in refused(copy / "model.safetensors", home).hint
    assert "pickle" in refused(Path(shutil.copyfile(copy / "config.json", copy / "x.bin")), home).problem


def test_a_class_without_a_name_for_what_it_does_still_loads(copy, home):
    _config(architectures=None)(copy)
    assert resolve(str(copy), home).folder == copy
    _config(architectures=["OwnModel"], auto_map={"AutoModelForCausalLM": "modeling.OwnModel"})(copy)
    assert resolve(str(copy), home).folder == copy


@pytest.mark.parametrize("name", ["model.safetensors", "generation_config.json", "chat_template.jinja"])
def test_a_link_that_leads_nowhere_is_no_missing_file(copy, tmp_path, name):
    kept = tmp_path / "blobs" / "0a1b"
    kept.parent.mkdir()
    (copy / name).rename(kept)
    (copy / name).symlink_to("../blobs/0a1b")
    assert resolve(str(copy), tmp_path).folder == copy
    kept.unlink()
    told = refused(copy, tmp_path)
    assert f"lead to files that are not there: {name}" in told.problem
    assert "cp -rL" in told.hint


def test_a_relative_folder_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"looked for in {tmp_path}" in refused(Path("nowhere"), tmp_path).hint
