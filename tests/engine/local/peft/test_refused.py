"""What a folder of PEFT's may hold that is not computed: each is refused by its key, its value or its tensor, with a way out."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from oracle import random_adapter
from peft_oracle import agree, change_settings, change_tensors, loaded, logits

from rung.engine.local.adapter_kinds._from_peft import KEYS
from rung.engine.local.peft.keys import COMMON
from rung.errors import UserError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, Any]) -> Path:
    return random_adapter(tmp_path_factory.mktemp("whole") / "adapter", bases["biased"][1])


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "adapter"))


def refused(model: Any, folder: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        loaded(model, folder)
    assert caught.value.where.startswith(str(folder)) and caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("peft_type", "LOHA", "'LOHA'"),
        ("peft_type", "PREFIX_TUNING", "'PREFIX_TUNING'"),
        ("peft_type", None, "names no kind"),
        ("task_type", "SEQ_CLS", "SEQ_CLS"),
        ("init_lora_weights", "pissa_niter_4", "pissa_niter_4"),
        ("init_lora_weights", "corda", "corda"),
        ("init_lora_weights", "loftq", "loftq"),
        ("init_lora_weights", "lora_ga", "lora_ga"),
        ("init_lora_weights", "of tomorrow", "of tomorrow"),
        ("target_parameters", ["experts.gate_up_proj"], "target_parameters"),
        ("layer_replication", [[0, 2], [1, 3]], "layer_replication"),
        ("alora_invocation_tokens", [1, 2], "alora_invocation_tokens"),
        ("use_qalora", True, "use_qalora"),
        ("kasa_config", {"beta": 1}, "kasa_config"),
        ("megatron_config", {"a": 1}, "megatron_config"),
        ("of_tomorrow", 3, "unknown key 'of_tomorrow': 3"),
        ("use_rslorra", True, "Did you mean 'use_rslora'?"),
        ("r", 5, "has shape (4, "),
        ("r", "4", 'r is "4"'),
        ("r", ..., "no 'r'"),
        ("lora_alpha", float("nan"), "lora_alpha is NaN"),
        ("use_dora", True, "lacks lora_magnitude_vector"),
        ("lora_bias", True, "lacks lora_B (its bias)"),
        ("bias", "some", "bias is 'some'"),
        ("rank_pattern", {"q_proj": 0}, "rank_pattern is 0"),
        ("rank_pattern", {"q_(proj": 2}, "q_(proj"),
        ("target_modules", ["q_proj"], "target_modules does not name"),
        ("target_modules", r".*layers\.0.*", "target_modules does not name"),
        ("target_modules", r"(.*)*layers(.*)*(.*)*x", "target_modules"),
        ("layers_to_transform", [0], "layers_to_transform does not name"),
        ("modules_to_save", ["lm_head"], "modules_to_save names lm_head"),
        ("trainable_token_indices", [3], "trainable_token_indices names"),
        ("exclude_modules", ["v_proj"], "exclude_modules does not name"),
    ],
)
def test_settings(bases: dict[str, Any], folder: Path, key: str, value: object, said: str) -> None:
    change_settings(folder, **{key: value})
    assert said in str(refused(bases["biased"][1], folder))


def _without_b(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in tensors.items() if "layers.1.mlp.up_proj.lora_B" not in name}


def _of_layer(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in tensors.items() if "layers.2" not in name}


Q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_b, "lacks lora_B of model.layers.1.mlp.up_proj"),
        (_of_layer, "no tensors of: model.layers.2"),
        (lambda tensors: {}, "no tensor"),
        (lambda tensors: {name: tensor * float("inf") for name, tensor in tensors.items()}, "not finite"),
        (lambda tensors: {name: tensor * ("lora_A" in name) for name, tensor in tensors.items()}, "null"),
        (lambda tensors: {name: tensor.to(torch.int8) for name, tensor in tensors.items()}, "int8"),
        (lambda tensors: tensors | {Q: tensors[Q][:, :32]}, "has shape (4, 32)"),
        (lambda tensors: tensors | {"value_head.summary": torch.ones(2)}, "value_head.summary"),
        (lambda tensors: tensors | {"base_model.model.visual.merger.lora_A.weight": torch.ones(4, 4)}, "visual.merger"),
        (lambda tensors: tensors | {Q.replace(".weight", ".other.weight"): tensors[Q]}, "two tensors"),
        (lambda tensors: tensors | {"base_model.model.lm_head.weight": torch.ones(600, 64)}, "vocabulary was changed"),
        (lambda tensors: tensors | {"base_model.model.model.norm.weight": torch.ones(64)}, "model.norm.weight"),
        (lambda tensors: tensors | {Q.replace("lora_A", "lora_magnitude_vector"): torch.ones(64)}, "use_dora"),
        (lambda tensors: {name.replace("layers.2", "layers.7"): tensor for name, tensor in tensors.items()}, "layers.7"),
    ],
)
def test_tensors(bases: dict[str, Any], folder: Path, change: Any, said: str) -> None:
    change_tensors(folder, change)
    assert said in str(refused(bases["biased"][1], folder))


def test_files(bases: dict[str, Any], folder: Path) -> None:
    settings, tensors = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    whole = tensors.read_bytes()
    for content, said in ((whole[:1000], "not a whole safetensors file"), (b"", "not a whole safetensors file")):
        tensors.write_bytes(content)
        assert said in str(refused(bases["biased"][1], folder))
    tensors.rename(folder / "adapter_model.bin")
    assert "can run code" in str(refused(bases["biased"][1], folder))
    (folder / "adapter_model.bin").rename(folder / "adapter_model-00001-of-00002.safetensors")
    assert "in pieces" in str(refused(bases["biased"][1], folder))
    settings.write_text("[1]", "utf-8")
    assert "not a JSON object" in str(refused(bases["biased"][1], folder))
    settings.write_text('{"r": 4', "utf-8")
    assert "not JSON" in str(refused(bases["biased"][1], folder))
    settings.unlink()
    assert "no adapter_config.json" in str(refused(bases["biased"][1], folder))
    (folder / "config.json").write_text("{}", "utf-8")
    assert "name it as a base" in str(refused(bases["biased"][1], folder).hint)
    inner = folder / "run" / "checkpoint-500"
    inner.mkdir(parents=True)
    (inner / settings.name).write_text("{}", "utf-8")
    assert f"name {inner}" in str(refused(bases["biased"][1], inner.parent).hint)


def test_every_key_of_peft_is_known() -> None:
    import peft

    for config in (peft.LoraConfig, peft.AdaLoraConfig):
        unknown = {field.name for field in fields(config)} - KEYS.computed - KEYS.harmless - KEYS.off - COMMON
        assert not unknown


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace(".weight", ".default.weight"),
        lambda name: name.removeprefix("base_model.model."),
        lambda name: "base_model.model." + name,
        lambda name: name.replace("model.model.layers", "model.model.language_model.layers"),
        lambda name: name.replace("base_model.model.model.", "base_model.model.language_model.model."),
        lambda name: name.replace("base_model.model.", "_orig_mod.base_model.model._orig_mod."),
    ],
    ids=["named", "bare", "twice", "of a larger model", "of an older larger model", "compiled"],
)
def test_other_names_of_the_same(bases: dict[str, Any], folder: Path, rename: Any) -> None:
    model = bases["biased"][1]
    expected = logits(model, loaded(model, folder))
    change_tensors(folder, lambda tensors: {rename(name): tensor for name, tensor in tensors.items()})
    change_settings(
        folder, auto_mapping=None, of_tomorrow=False, peft_version="9", runtime_config={"a": 1}, target_modules="all-linear"
    )
    assert agree(logits(model, loaded(model, folder)), expected)
    assert json.loads((folder / "adapter_config.json").read_text("utf-8"))["peft_version"] == "9"


def test_patterns_are_of_the_paths_that_the_adapter_was_trained_on(bases: dict[str, Any], folder: Path) -> None:
    model = bases["biased"][1]
    change_settings(folder, alpha_pattern={"model.layers.1.self_attn.q_proj": 20})
    expected = logits(model, loaded(model, folder))
    change_tensors(
        folder, lambda held: {name.replace("model.layers", "model.language_model.layers"): tensor for name, tensor in held.items()}
    )
    change_settings(
        folder,
        alpha_pattern={r"^model\.language_model\.layers\.1\.self_attn\.q_proj": 20},
        target_modules=r"model\.language_model\..*_proj",
    )
    assert agree(logits(model, loaded(model, folder)), expected)
