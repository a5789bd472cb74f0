"""Training on top of adapters: they act, frozen, in every pass, as they will when the result answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from toys import FACTS, load, settings, toy_rows

from rung.engine.backend import AdapterUse
from rung.engine.local.functions import low_rank_linear
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer
from rung.train.rows import encode_rows


@pytest.mark.parametrize("frozen", [(), (3, 4)])
def test_a_low_rank_product_is_differentiated_with_respect_to_all_that_is_trained(frozen):
    draw = torch.Generator().manual_seed(0)
    sizes = [(5, 6), (4, 6), (4,), (2, 6), (4, 2)]
    tensors = [torch.randn(size, generator=draw, dtype=torch.float64) for size in sizes]
    for place, tensor in enumerate(tensors):
        tensor.requires_grad_(place not in frozen)
    assert torch.autograd.gradcheck(low_rank_linear, tensors)


@pytest.fixture(scope="module")
def trained(tiny_base, tmp_path_factory):
    """The tiny model, rows, an adapter of a few steps, and the loss that it has come to."""
    model = load(tiny_base)
    rows = encode_rows(model.tokenizer, toy_rows(8), 512, "error")
    config = settings("lora", rank=2)
    adapter, _ = apply_method(model, config)
    optimizer = make_optimizer(adapter, config, 0.02)
    for step in range(4):
        gradients(adapter, rows, config, at=step)
        apply_gradients(adapter, optimizer, 0.02)
    folder = tmp_path_factory.mktemp("below") / "adapter"
    adapter.save(folder, FACTS)
    return model, rows, AdapterUse.of(folder), gradients(adapter, rows, config, at=5)


@pytest.mark.parametrize(("method", "own"), [("lora", {"rank": 3}), ("ia3", {}), ("full", {})])
def test_it_starts_where_the_adapter_below_ended_and_goes_down_from_there(trained, method, own):
    model, rows, below, reached = trained
    config = settings(method, **own)
    on, _ = apply_method(model.under([below]), config)
    bare, _ = apply_method(model, config)
    start = gradients(on, rows, config, at=1)
    assert start == pytest.approx(reached, rel=1e-5)
    assert gradients(bare, rows, config, at=1) > reached + 0.1
    optimizer = make_optimizer(on, config, 0.001)
    for step in range(3):
        apply_gradients(on, optimizer, 0.001)
        after = gradients(on, rows, config, at=step + 2)
    assert after < start
    assert all(master.grad is not None for master in on.masters.values())


def test_the_adapter_below_stays_as_it_is(trained, tmp_path):
    model, rows, below, _ = trained
    config = settings("lora", rank=3)
    on, _ = apply_method(model.under([below]), config)
    before = [
        (factors.down.clone(), factors.up.clone()) for layer in model.under([below]).below.layers for factors in layer.values()
    ]
    gradients(on, rows, config, at=1)
    apply_gradients(on, make_optimizer(on, config, 0.01), 0.01)
    on.save(tmp_path / "own", FACTS)
    after = [(factors.down, factors.up) for layer in on.update().layers for factors in layer.values()]
    for (down, up), (down_now, up_now) in zip(before, after, strict=True):
        assert torch.equal(down_now[: len(down)], down) and torch.equal(up_now[:, : up.shape[1]], up)
    assert AdapterUse.of(tmp_path / "own").digest != below.digest
