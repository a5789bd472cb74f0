"""A real adapter with one thing wrong: computed as PEFT computes it, or refused in words."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mutations import Mutation, check_refused_or_right, some
from peft_oracle import agree, change_settings, change_tensors, loaded, logits, peft_logits, saved
from torch import Tensor

Change = Callable[[dict[str, Tensor], random.Random], dict[str, Tensor]]


def setting(name: str, only: str | None = None, /, **values: Any) -> Mutation:
    said = () if only == "right" else (next(iter(values)),)
    return Mutation(name=name, apply=lambda folder, _: change_settings(folder, **values), says=said, only=only)


def tensors(name: str, change: Change, only: str | None = "refused", says: tuple[str, ...] = ()) -> Mutation:
    return Mutation(
        name=name, apply=lambda folder, rng: change_tensors(folder, lambda held: change(held, rng)), says=says, only=only
    )


def file(name: str, act: Callable[[Path, random.Random], Any], *says: str) -> Mutation:
    return Mutation(name=name, apply=act, says=says, only="refused")


def _one(held: dict[str, Tensor], rng: random.Random, part: str = "") -> str:
    return rng.choice(sorted(name for name in held if part in name))


def _without(held: dict[str, Tensor], rng: random.Random) -> dict[str, Tensor]:
    gone = _one(held, rng)
    return {name: tensor for name, tensor in held.items() if name != gone}


def _changed(part: str, act: Callable[[Tensor], Tensor]) -> Change:
    def change(held: dict[str, Tensor], rng: random.Random) -> dict[str, Tensor]:
        name = _one(held, rng, part)
        return held | {name: act(held[name])}

    return change


def _every(act: Callable[[str, Tensor], tuple[str, Tensor]]) -> Change:
    return lambda held, _: dict(act(name, tensor) for name, tensor in held.items())


def _swapped(held: dict[str, Tensor], _: random.Random) -> dict[str, Tensor]:
    return {
        name.replace("layers.0.", "layers.x.").replace("layers.1.", "layers.0.").replace("layers.x.", "layers.1."): tensor
        for name, tensor in held.items()
    }


def _cut(folder: Path, rng: random.Random) -> None:
    path = folder / "adapter_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: rng.randrange(len(whole) - 1)])


def _flipped(folder: Path, rng: random.Random) -> None:
    path = folder / "adapter_model.safetensors"
    whole = bytearray(path.read_bytes())
    whole[rng.randrange(8, 60)] ^= 0xFF
    path.write_bytes(bytes(whole))


def _torn(folder: Path, rng: random.Random) -> None:
    path = folder / "adapter_config.json"
    text = path.read_text("utf-8").rstrip()
    path.write_text(text[: rng.randrange(1, len(text) - 1)], "utf-8")


MUTATIONS = [
    setting("alpha doubled", "right", lora_alpha=24),
    setting("rslora", "right", use_rslora=True),
    setting("rslora unsaid", "right", use_rslora=...),
    setting("dropout", "right", lora_dropout=0.5),
    setting("lies the other way, it says", "right", fan_in_fan_out=True),
    setting("another start", "right", init_lora_weights="gaussian"),
    setting("a start in the base", "right", init_lora_weights="pissa"),
    setting("the other start in the base", "right", init_lora_weights="olora"),
    setting("a pattern of the same", "right", target_modules=r".*\.(q_proj|v_proj|down_proj)"),
    setting("names of others too", "right", target_modules=["q_proj", "v_proj", "down_proj", "c_attn"]),
    setting("biases that are not there", "right", bias="all"),
    setting("from tomorrow, unused", "right", of_tomorrow=None),
    setting("from tomorrow, used", "refused", of_tomorrow={"rank": 3}),
    setting("no rank", "refused", r=...),
    setting("rank in words", "refused", r="four"),
    setting("no alpha", "refused", lora_alpha=None),
    setting("another kind", "refused", peft_type="LOKR"),
    setting("no kind", "refused", peft_type=...),
    setting("another task", "refused", task_type="SEQ_CLS"),
    setting("a start by chance", "refused", init_lora_weights="pissa_niter_2"),
    setting("fewer modules", "refused", target_modules=["q_proj"]),
    setting("more modules", "refused", target_modules=["q_proj", "v_proj", "down_proj", "o_proj"]),
    setting("no pattern", "refused", target_modules="(q_proj"),
    setting("one layer", "refused", layers_to_transform=[0]),
    setting("a module too many", "refused", modules_to_save=["lm_head"]),
    setting("directions only", "refused", lora_bias=True),
    setting("experts", "refused", target_parameters=["experts.up"]),
    Mutation(name="another rank", apply=lambda folder, _: change_settings(folder, r=8), says=("lora_",), only="refused"),
    Mutation(
        name="another rank of one", apply=lambda folder, _: change_settings(folder, rank_pattern={"v_proj": 2}), only="refused"
    ),
    Mutation(
        name="magnitudes", apply=lambda folder, _: change_settings(folder, use_dora=True), says=("magnitude",), only="refused"
    ),
    tensors("one gone", _without, says=("lacks",)),
    tensors("not finite", _changed("", lambda tensor: tensor * float("nan")), says=("not finite",)),
    tensors("lying the other way", _changed("lora_A", lambda tensor: tensor.T), says=("has shape",)),
    tensors("empty", _changed("", lambda tensor: tensor[:0, 0]), says=("empty",)),
    tensors("of whole numbers", _every(lambda name, tensor: (name, tensor.to(torch.int32))), says=("int32",)),
    tensors("nothing learnt", _every(lambda name, tensor: (name, tensor * ("lora_A" in name))), says=("null",)),
    tensors("of other layers", _every(lambda name, tensor: (name.replace("layers.1", "layers.9"), tensor)), says=("layers.9",)),
    tensors("a head beside", lambda held, _: held | {"v_head.summary.weight": torch.ones(1, 64)}, says=("v_head",)),
    tensors("a norm beside", lambda held, _: held | {"base_model.model.model.norm.weight": torch.ones(64)}, says=("norm",)),
    tensors("half as precise", _every(lambda name, tensor: (name, tensor.half())), "right"),
    tensors("layers swapped", _swapped, "right"),
    file("weights cut off", _cut, "safetensors"),
    file("weights damaged", _flipped, "safetensors"),
    file("settings cut off", _torn, "not JSON"),
    file("pickled", lambda folder, _: (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin"), "pickled"),
    file("no settings", lambda folder, _: (folder / "adapter_config.json").unlink(), "adapter_config.json"),
]


@pytest.fixture(scope="module")
def real(bases: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    import peft

    folder = tmp_path_factory.mktemp("real") / "adapter"
    config = peft.LoraConfig(r=4, lora_alpha=12, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    saved(bases["biased"][0], folder, config)
    assert json.loads((folder / "adapter_config.json").read_text("utf-8"))["r"] == 4
    return folder


@pytest.mark.parametrize("mutation", some(MUTATIONS, 12))
def test_right_or_refused(bases: dict[str, Any], real: Path, tmp_path: Path, mutation: Mutation) -> None:
    base, model = bases["biased"]
    folder = Path(shutil.copytree(real, tmp_path / "adapter"))
    mutation(folder)

    def right(update: Any) -> None:
        assert agree(logits(model, update), peft_logits(base, folder))

    check_refused_or_right(mutation, lambda: loaded(model, folder), right, file="adapter")
