"""Weights laid out for products: the same numbers, whatever is asked of them, and what is trained is read as it is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from rung.engine.local import packed, packing
from rung.engine.local.answering import Answering
from rung.engine.local.model import LocalModel, trainable_model
from rung.engine.local.packed import PackedMatrix, packs, pays
from rung.engine.local.precision import log_probabilities

CPU = torch.device("cpu")
IDS = torch.arange(3, 43)


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype in packed.NUMBERS_FROM:
        monkeypatch.setitem(packed.NUMBERS_FROM, dtype, 0)


def drawn(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [0, 1, 3, 8, 33, 200])
def test_products_are_those_of_the_matrix(dtype: torch.dtype, rows: int) -> None:
    if not packs(dtype):
        pytest.skip("not multiplied from here")
    weight, bias, y = drawn(72, 96).to(dtype), drawn(72, seed=1).to(dtype), drawn(rows, 72, seed=2).to(dtype)
    matrix = PackedMatrix.of(weight)
    wide = drawn(rows, 200, seed=3).to(dtype)
    near = {"rtol": 1e-2, "atol": 1e-1} if dtype is torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-4}
    with torch.inference_mode():
        for x in (wide[:, 50:146], wide[:, :96].contiguous()):
            exact = F.linear(x, weight)
            assert torch.allclose(matrix.product(x), exact, **near)
            assert torch.allclose(matrix.product(x, bias), exact + bias, **near)
            assert torch.allclose(matrix.product(x[None]), exact[None], **near)
            before = y.clone()
            assert torch.allclose(matrix.added(x, y), y + exact, **near)
            assert torch.allclose(matrix.weighted(x, y), y * exact, **near)
            assert torch.equal(y, before)
    assert torch.equal(matrix.dense(), weight) and matrix.shape == weight.shape and matrix.device == CPU
    assert torch.equal(matrix[5:9], weight[5:9]) and torch.equal(matrix.float(), weight.float())


def test_gradients_are_not_lost() -> None:
    weight, x = drawn(72, 96), drawn(4, 96, seed=1).requires_grad_()
    PackedMatrix.of(weight).product(x).sum().backward()
    assert x.grad is not None and torch.allclose(x.grad, weight.sum(0).expand(4, -1), atol=1e-4)


def test_what_does_not_pay_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, tiny_base: Path) -> None:
    assert not pays(drawn(4)) and not pays(None) and not pays(drawn(8, 8).double())
    monkeypatch.setitem(packed.NUMBERS_FROM, torch.float32, 65)
    assert not pays(drawn(8, 8)) and pays(drawn(8, 9))
    monkeypatch.setattr(packing, "packs", lambda _dtype: False)
    model = LocalModel.load(tiny_base, dtype=torch.float32, device="cpu", answers=True)
    assert not model.packed and model.decoder.packed_head is None


def test_a_packed_model_says_the_same(tiny_base: Path) -> None:
    plain = LocalModel.load(tiny_base, dtype=torch.float32, device="cpu")
    model = LocalModel.load(tiny_base, dtype=torch.float32, device="cpu", answers=True)
    assert model.packed and model.decoder.packed_head is not None and not plain.packed
    with torch.inference_mode():
        assert torch.allclose(log_probabilities(model.decoder, IDS), log_probabilities(plain.decoder, IDS), atol=2e-4)


def test_what_is_trained_is_read_as_it_is_stored(tiny_base: Path) -> None:
    backend = Answering(lambda: LocalModel.load(tiny_base, dtype=torch.float32, device="cpu", answers=True))
    trained = trainable_model(backend)
    assert backend.model.packed and not trained.packed
    assert all(isinstance(tensor, torch.Tensor) for tensor in trained.decoder.named().values())
