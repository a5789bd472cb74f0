"""Weights in int8: against a plain formula, under adapters, admitted or refused, part of what is measured."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rung.engine.backend import AdapterUse
from rung.engine.bases.resolve import open_backend, resolve
from rung.engine.local import int8_loading
from rung.engine.local.adapters import AdapterCache
from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.int8 import FEW_ROWS, MOST, Int8Matrix
from rung.engine.local.int8_loading import in_int8
from rung.engine.local.matrices import product
from rung.engine.local.model import LocalModel, trainable_model
from rung.engine.local.precision import Check, log_probabilities
from rung.engine.local.weights import load_weights
from rung.errors import UserError

CPU = torch.device("cpu")
# Widths that torch's kernel reads beyond, rows of one output, and what models have.
SIZES = ((1, 1), (1, 64), (3, 5), (33, 65), (130, 31), (97, 129), (5, 4096), (64, 64), (96, 160), (576, 48))


def plain(weight: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
    """x W^T + bias by the definition, in float64: the nearest of 255 steps of a row's own largest number."""
    rows = []
    for row in weight.double():
        step = row.abs().max() / 127
        rows.append(torch.zeros_like(row) if step == 0 else (row / step).round() * step)
    y = x.double() @ torch.stack(rows).T
    return y if bias is None else y + bias.double()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_product_is_that_of_the_plain_formula(size: tuple[int, int], dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(size, generator=generator)
    matrix = Int8Matrix.of(weight)
    for rows in (1, 2, 3, 5, 8, 9, 16, 17, 40):
        x = torch.randn(rows, size[1], generator=generator).to(dtype)
        for bias in (None, torch.randn(size[0], generator=generator).to(dtype)):
            y, expected = product(x, matrix, bias), plain(weight, x, bias)
            assert y.dtype is dtype and y.shape == expected.shape
            assert (y - expected).norm() <= 0.012 * expected.norm()


def test_any_layout_and_float_type_gives_the_same_steps() -> None:
    weight = torch.randn(64, 96).to(torch.float16)
    straight, turned = Int8Matrix.of(weight), Int8Matrix.of(weight.T.contiguous().T)
    assert torch.equal(straight.steps, turned.steps) and straight.steps.abs().max() == MOST
    x = torch.randn(2, 3, 96)
    expected = plain(weight.float(), x.flatten(0, 1), None)
    assert torch.allclose(straight.product(x).flatten(0, 1).double(), expected, atol=0.1, rtol=0.02)
    turned_x = torch.randn(96, 4).T
    assert torch.allclose(straight.product(turned_x).double(), plain(weight.float(), turned_x, None), atol=0.15, rtol=0.02)
    assert straight.product(torch.zeros(0, 96)).shape == (0, 64)


def test_rows_of_zeros_stay_zeros_and_what_is_not_finite_stays_so() -> None:
    weight = torch.randn(64, 64)
    weight[3] = 0.0
    matrix = Int8Matrix.of(weight)
    for rows in (2, 40):
        x = torch.randn(rows, 64)
        assert not matrix.product(x)[:, 3].any()
        x[1, 5] = float("nan")
        y = matrix.product(x)
        assert y[1].isnan().all() and y[0].isfinite().all()


def test_a_huge_activation_costs_its_neighbours_nothing() -> None:
    weight = torch.randn(64, 64)
    weight[:, 7] = 0.0
    x = torch.randn(4, 64)
    outliers = x.clone()
    outliers[:, 7] = 30000.0
    matrix = Int8Matrix.of(weight)
    assert torch.allclose(matrix.product(x), matrix.product(outliers), atol=1e-5)


def test_full_range_sums_do_not_saturate() -> None:
    matrix = Int8Matrix.of(torch.ones(64, 512))
    for rows in (1, max(FEW_ROWS.values()) + 1):
        assert torch.allclose(matrix.product(torch.ones(rows, 512)), torch.tensor(512.0), rtol=0.01)


def test_merged_products_keep_a_scale_a_channel_and_can_be_parted() -> None:
    parts = torch.randn(32, 64), torch.randn(64, 64) * 100
    merged = Int8Matrix.of(torch.cat(parts))
    assert torch.equal(merged.steps[:32], Int8Matrix.of(parts[0]).steps)
    assert torch.equal(merged[32:96].float(), Int8Matrix.of(parts[1]).float())


def _both(base: Path, seen: list[Tensor]) -> tuple[LocalModel, LocalModel]:
    """The model answering from int8, and in float32 over the very same rounded weights."""
    config = DecoderConfig.read(base)
    whole = LocalModel.load(base, dtype=torch.float32)
    kept = in_int8(load_weights(base, config, torch.float32, CPU), config, torch.float32)
    layers = [
        type(layer)(**{name: part.float() if isinstance(part, Int8Matrix) else part for name, part in vars(layer).items()})
        for layer in kept.layers
    ]
    return replace(whole, decoder=FusedDecoder(config, kept)), replace(
        whole, decoder=FusedDecoder(config, replace(kept, layers=layers))
    )


@pytest.mark.parametrize("length", [6, 60])
def test_a_decoder_computes_what_its_rounded_weights_say_adapters_in_full(tiny_base: Path, adapter: Path, length: int) -> None:
    kept, rounded = _both(tiny_base, [])
    ids = torch.randint(0, kept.config.vocabulary, (length,), generator=torch.Generator().manual_seed(0))
    said = []
    for model in (kept, rounded):
        update = AdapterCache(model.decoder).stack([AdapterUse.of(adapter)]).update
        said.append([log_probabilities(model.decoder, ids), model.decoder.hidden(ids, torch.arange(length), _rows(length), update)])
    for one, other in zip(*said, strict=True):
        assert (one - other).norm() <= 0.01 * other.norm()


def _rows(length: int):
    from rung.engine.local.attention import PrefixedRows

    return PrefixedRows(prefix_tokens=0, rows=1, row_length=length)


def test_an_adapter_that_follows_the_base_s_weights_follows_the_rounded_ones() -> None:
    from rung.engine.local.adapted import Adapted, ModuleEffect, _Product
    from rung.engine.local.shape import Module

    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(64, 64, generator=generator)
    effect = ModuleEffect(
        down=torch.randn(4, 64, generator=generator),
        up=torch.randn(64, 4, generator=generator) / 8,
        magnitude=torch.rand(64, generator=generator) + 1,
    )
    matrix, x = Int8Matrix.of(weight), torch.randn(20, 64, generator=generator)
    module = Module(path="q", width_out=64, width_in=64)
    found, expected = (
        Adapted([{"q": _Product([(module, effect)], torch.float32)}]).linear(0, "q", x, kept, None)
        for kept in (matrix, matrix.float())
    )
    assert torch.allclose(found, expected, atol=1e-3, rtol=1e-3)


@pytest.fixture
def base(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "base"))


def test_a_base_is_admitted_once_and_remembered(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LocalModel.load(base, device="cpu", weights="int8")
    assert isinstance(model.decoder.weights.layers[0].qkv, Int8Matrix)  # type: ignore[attr-defined]
    found = json.loads((base.parent / ".base.int8.json").read_text("utf-8"))["found"]
    assert found["sure_tokens_kept"] == 1.0 and 0 < found["mean_change_nats"] <= 0.1

    def never(*_: object) -> Check:
        raise AssertionError("checked again")

    monkeypatch.setattr(int8_loading, "check", never)
    LocalModel.load(base, device="cpu", weights="int8")
    (base / "model.safetensors").touch()
    with pytest.raises(AssertionError, match="checked again"):
        LocalModel.load(base, device="cpu", weights="int8")


def test_a_base_whose_rows_hold_one_huge_weight_each_is_refused(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    # Inputs that are nothing keep what the base says in float32; in int8 they leave no steps for the others.
    for layer in range(3):
        at = f"model.layers.{layer}."
        tensors[f"{at}input_layernorm.weight"][0] = 0.0
        tensors[f"{at}post_attention_layernorm.weight"][0] = 0.0
        for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"):
            tensors[f"{at}{name}.weight"][:, 0] = 300.0
    save_file(tensors, str(base / "model.safetensors"), metadata={"format": "pt"})
    for _ in range(2):
        with pytest.raises(UserError, match="says something else from int8 weights") as caught:
            LocalModel.load(base, device="cpu", weights="int8")
    assert "weights: int8" in caught.value.hint
    LocalModel.load(base, device="cpu")


def test_an_accelerator_is_told(base: Path) -> None:
    with pytest.raises(UserError, match="computed on the processor, and this machine answers on meta") as caught:
        int8_loading.load_int8(base, None, torch.device("meta"))
    assert "RUNG_DEVICE=cpu" in caught.value.hint


def test_what_is_measured_is_what_is_served(base: Path, tmp_path: Path) -> None:
    plainly, kept = (resolve(f"{prefix}{base}", tmp_path) for prefix in ("", "int8:"))
    assert kept.pinned == f"int8:{plainly.pinned}" and kept.digest == plainly.digest
    backend = open_backend(kept.pinned, tmp_path)
    assert backend.reference == kept.pinned
    assert backend.model.weights == "int8"  # type: ignore[attr-defined]
    trained = trainable_model(backend)
    assert not trained.weights and isinstance(trained.decoder.named()["layers.0.qkv"], Tensor)
    assert not open_backend(plainly.pinned, tmp_path).model.weights  # type: ignore[attr-defined]
