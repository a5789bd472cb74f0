"""Quantised checkpoints: those that are unpacked say what transformers says of them, all others are refused as what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import make_tiny_model

from rung.engine.bases.checkpoint import Stored
from rung.engine.bases.quantised import quantised
from rung.engine.bases.resolve import resolve
from rung.errors import UserError

FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [32, 32]}
COMPRESSED = {"quant_method": "compressed-tensors", "format": "float-quantized", "kv_cache_scheme": None}


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


def configure(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def save(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"}
    )


def is_linear(name: str) -> bool:
    return name.endswith("_proj.weight")


def pack(folder: Path, *, rows: int, columns: int, end: str) -> dict[str, torch.Tensor]:
    """Linear weights in 8 bits, with a scale for each block of that size; what they say, as they are then."""
    packed, said = {}, {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if not is_linear(name):
            packed[name] = said[name] = tensor
            continue
        blocks = tensor.unflatten(0, (-1, rows or tensor.shape[0])).unflatten(2, (-1, columns or tensor.shape[1]))
        scale = blocks.abs().amax(dim=(1, 3)) / 448
        spread = scale[:, None, :, None]
        eight = (blocks / spread).to(torch.float8_e4m3fn)
        packed[name] = eight.reshape(tensor.shape)
        packed[name + end] = scale
        said[name] = (eight.float() * spread).reshape(tensor.shape).bfloat16()
    save(folder, packed)
    return said


def unpacked(folder: Path, home: Path) -> dict[str, torch.Tensor]:
    base = resolve(str(folder), home)
    assert base.folder and base.folder.parent == home / "bases"
    assert "quantization_config" not in json.loads((base.folder / "config.json").read_text())
    assert resolve(base.pinned, home) == base, "what was unpacked is found again, and is what was measured"
    return load_file(base.folder / "model.safetensors")


@pytest.mark.parametrize(
    ("settings", "rows", "columns", "end"),
    [
        (FP8, 32, 32, "_scale_inv"),
        ({**FP8, "weight_block_size": None}, 0, 0, "_scale_inv"),
        ({"quant_method": "fbgemm_fp8"}, 1, 0, "_scale"),
        (COMPRESSED, 1, 0, "_scale"),
        (COMPRESSED, 0, 0, "_scale"),
    ],
)
def test_eight_bit_floats_are_unpacked_to_what_they_say(copy, home, settings, rows, columns, end):
    said = pack(copy, rows=rows, columns=columns, end=end)
    configure(copy, quantization_config=settings)
    found = unpacked(copy, home)
    assert found.keys() == said.keys()
    assert all(torch.equal(found[name].float(), said[name].float()) for name in said)


@torch.inference_mode()
def test_unpacked_blocks_answer_as_transformers_does(copy, home):
    from transformers import AutoModelForCausalLM

    from rung.engine.local.attention import PrefixedRows
    from rung.engine.local.model import LocalModel

    pack(copy, rows=32, columns=32, end="_scale_inv")
    configure(copy, quantization_config=FP8, dtype="bfloat16")
    theirs = AutoModelForCausalLM.from_pretrained(copy, dtype=torch.bfloat16).float()
    ids = torch.arange(20, 60)
    decoder = LocalModel.load(resolve(str(copy), home).folder, dtype=torch.float32, device="cpu").decoder
    hidden = decoder.hidden(ids, torch.arange(40), PrefixedRows(prefix_tokens=0, rows=1, row_length=40))
    # The embedding and norms are float32 here, and were rounded there.
    assert torch.allclose(decoder.logits(hidden), theirs(ids[None]).logits[0], atol=0.02)


def test_four_bit_floats_of_experts_are_unpacked_by_transformers_own_words(tmp_path, home):
    from transformers import AutoConfig, AutoModelForCausalLM, Mxfp4Config

    make_tiny_model(tmp_path / "m")
    sizes = {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = AutoConfig.for_model(
        "gpt_oss", **sizes, num_key_value_heads=2, head_dim=16, num_local_experts=2, num_experts_per_tok=1
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    shutil.rmtree(tmp_path / "m" / "x", ignore_errors=True)
    model.save_pretrained(tmp_path / "m")
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inner, outer = tensors.pop(name).shape
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (experts, outer, inner // 32, 16), dtype=torch.uint8)
        tensors[f"{name}_scales"] = torch.randint(120, 128, (experts, outer, inner // 32), dtype=torch.uint8)
    save(tmp_path / "m", tensors)
    configure(tmp_path / "m", quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": []})

    found = unpacked(tmp_path / "m", home)
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path / "m", quantization_config=Mxfp4Config(dequantize=True), dtype=torch.bfloat16
    ).state_dict()
    assert all(torch.equal(found[name].bfloat16(), theirs[name].bfloat16()) for name in theirs)


def test_a_merged_model_that_still_speaks_of_its_quantisation(copy, home):
    before = load_file(copy / "model.safetensors")
    configure(copy, quantization_config={"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "quant_method": "bitsandbytes"})
    found = unpacked(copy, home)
    assert all(torch.equal(found[name], before[name]) for name in before)


def with_tensors(**added: torch.Tensor):
    def change(folder: Path) -> None:
        save(folder, load_file(folder / "model.safetensors") | {name.replace("__", "."): tensor for name, tensor in added.items()})

    return change


def told(settings: Any, key: str = "quantization_config"):
    return lambda folder: configure(folder, **{key: settings})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (told({"quant_method": "gptq", "bits": 4}), "quantised (gptq, 4 bits)"),
        (told({"quant_method": "awq", "w_bit": 4}), "quantised (awq, 4 bits)"),
        (told({"quant_method": "compressed-tensors", "format": "pack-quantized"}), "quantised (compressed-tensors)"),
        (told({**COMPRESSED, "kv_cache_scheme": {"num_bits": 8}}), "quantised (compressed-tensors)"),
        (told({"quant_method": "bitnet"}), "quantised (bitnet)"),
        (told({"quant_method": "torchao"}), "quantised (torchao)"),
        (told({"quant_method": "hqq"}), "quantised (hqq)"),
        (told({"quant_method": "fp8", "scale_fmt": "ue8m0"}), "quantised (fp8)"),
        (told({"group_size": 64, "bits": 4}, "quantization"), "quantised (mlx, 4 bits)"),
        (told({"quantization_config": {"quant_method": "gptq", "bits": 8}}, "text_config"), "quantised (gptq, 8 bits)"),
        (with_tensors(a__qweight=torch.ones(2, dtype=torch.int32)), "quantised (awq or gptq)"),
        (with_tensors(a__weight__absmax=torch.ones(2)), "quantised (bitsandbytes)"),
        (with_tensors(a__weight=torch.ones(2).to(torch.float8_e4m3fn)), "quantised (fp8)"),
        (with_tensors(a__weight=torch.ones(2, dtype=torch.int8)), "stored as I8"),
    ],
)
def test_what_only_a_library_can_read_is_refused_as_what_it_is(copy, home, change, words):
    change(copy)
    with pytest.raises(UserError) as caught:
        resolve(str(copy), home)
    assert words in caught.value.problem
    assert "Name the model that they were made from" in caught.value.hint and "https://" in caught.value.hint


def test_bitsandbytes_as_it_was_saved_is_refused():
    stored = {"a.weight": Stored(dtype="U8", shape=(1,), file=Path("x"), begin=0, end=1)}
    found = quantised({"quantization_config": {"load_in_4bit": True}}, stored)
    assert found and not found.unpack and "bitsandbytes, 4 bits" in found.refused("x").problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors, name: tensors.pop(f"{name}_scale_inv"), "has no scale"),
        (
            lambda tensors, name: tensors.update({f"{name}_scale_inv": torch.ones(3, 2)}),
            "do not fit its shape, (64, 64), in blocks of",
        ),
        (lambda tensors, name: tensors.update({f"{name}_scale_inv": torch.full((2, 2), torch.inf)}), "is not finite once it is"),
    ],
)
def test_scales_that_do_not_fit_are_named(copy, home, change, words):
    pack(copy, rows=32, columns=32, end="_scale_inv")
    configure(copy, quantization_config=FP8)
    tensors = load_file(copy / "model.safetensors")
    change(tensors, "model.layers.0.self_attn.o_proj.weight")
    save(copy, tensors)
    with pytest.raises(UserError, match=r"layers\.0\.self_attn\.o_proj") as caught:
        resolve(str(copy), home)
    assert words in caught.value.problem and not list((home / "bases").glob("*")), "nothing half made stays"


def test_a_tensor_that_is_no_multiple_of_the_block(copy, home):
    """The last block is the part of one that is left."""
    tensors = load_file(copy / "model.safetensors")
    name = "model.layers.0.self_attn.o_proj.weight"
    scale = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    save(copy, tensors | {name: torch.ones(64, 64).to(torch.float8_e4m3fn), f"{name}_scale_inv": scale})
    configure(copy, quantization_config={**FP8, "weight_block_size": [48, 48]})
    found = unpacked(copy, home)[name].float()
    assert (found[0, 0], found[47, 47], found[0, 48], found[48, 0], found[63, 63]) == (1, 1, 2, 3, 4)
