"""Hooked bases answering from int8: the same modules, biases, turned weights and experts beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rung.engine.local.hooked.decoder import KEPT, HookedDecoder
from rung.engine.local.hooked.loading import load_hooked
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.int8 import Int8Matrix
from rung.engine.local.int8_loading import load_int8
from rung.engine.local.model import LocalModel
from rung.engine.local.packing import keep_as
from rung.engine.local.precision import log_probabilities
from rung.errors import UserError

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", ["gpt2", "gemma2", "deepseek_v3"])
def test_it_says_nearly_the_same(made: Callable[[str], Path], loaded: Callable[[str], LocalModel], kind: str) -> None:
    decoder = load_hooked(made(kind), HookedShape.read(made(kind)), torch.float32, CPU)
    keep_as(decoder, Int8Matrix.of)
    paths = [path for products in decoder.config.products for path in products]
    assert paths and all(hasattr(decoder.model.get_submodule(path), KEPT) for path in paths)
    assert all(decoder.model.get_submodule(path).weight.device.type == "meta" for path in paths)
    for length in (7, 40):
        ids = torch.randint(0, decoder.config.vocabulary, (length,), generator=torch.Generator().manual_seed(2))
        with torch.inference_mode():
            said, exact = (log_probabilities(one, ids) for one in (decoder, loaded(kind).decoder))
        change = float((said - exact).abs().mean())
        assert 0 < change < 0.1


def test_one_is_admitted(made: Callable[[str], Path]) -> None:
    decoder = LocalModel.load(made("gpt2"), dtype=torch.float32, device="cpu", weights="int8").decoder
    assert isinstance(decoder, HookedDecoder)
    assert hasattr(decoder.model.get_submodule(next(iter(decoder.config.products[0]))), KEPT)


def test_one_whose_tokens_go_to_other_experts_is_refused(made: Callable[[str], Path]) -> None:
    with pytest.raises(UserError, match="says something else from int8 weights: it keeps 9"):
        load_int8(made("gpt_oss"), torch.float32, CPU)


def test_a_base_that_its_own_code_computes_is_refused_by_what_it_does(made: Callable[[str], Path], tmp_path: Path) -> None:
    import json

    folder = made("gpt2")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    other = tmp_path / "mamba"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({**config, "model_type": "mamba"}), "utf-8")
    with pytest.raises(UserError, match="int8 weights are not computed for this base") as caught:
        load_int8(other, None, CPU)
    assert "weights: int8" in caught.value.hint
