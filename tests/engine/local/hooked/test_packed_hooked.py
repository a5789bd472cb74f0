"""Hooked bases answering from packed weights, where their code lets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rung.engine.local import packed, packing
from rung.engine.local.model import LocalModel
from rung.engine.local.precision import log_probabilities

IDS = torch.arange(3, 43)


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packed.NUMBERS_FROM, torch.float32, 0)


@pytest.mark.parametrize("kind", ["gpt2", "gemma2", "deepseek_v3"])
def test_a_packed_model_says_the_same(made: Callable[[str], Path], tiny_base: Path, kind: str) -> None:
    plain = LocalModel.load(made(kind), dtype=torch.float32, device="cpu")
    model = LocalModel.load(made(kind), dtype=torch.float32, device="cpu", answers=True)
    assert model.packed and model.decoder.packed_head is not None and not plain.packed
    ids = IDS % plain.config.vocabulary
    with torch.inference_mode():
        said, exact = log_probabilities(model.decoder, ids), log_probabilities(plain.decoder, ids)
    assert torch.allclose(said, exact, atol=2e-4)


def test_a_model_whose_code_reads_past_its_modules_stays_as_it_is(
    made: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = LocalModel.load(made("gpt2"), dtype=torch.float32, device="cpu")
    seen: list[bool] = []

    def compare(_decoder: object) -> None:
        seen.append(True)
        raise NotImplementedError("no numbers on meta")

    monkeypatch.setattr(packing, "compare", compare)
    model = LocalModel.load(made("gpt2"), dtype=torch.float32, device="cpu", answers=True)
    assert seen and not model.packed and model.decoder.packed_head is None
    with torch.inference_mode():
        assert torch.equal(log_probabilities(model.decoder, IDS), log_probabilities(plain.decoder, IDS))
