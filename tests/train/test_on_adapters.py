"""Training on top of adapters: they act, frozen, in every pass, as they will when the result answers."""

from __future__ import annotations

import pytest
import torch

from rung.engine.local.functions import low_rank_linear


@pytest.mark.parametrize("frozen", [(), (3, 4)])
def test_a_low_rank_product_is_differentiated_with_respect_to_all_that_is_trained(frozen):
    draw = torch.Generator().manual_seed(0)
    sizes = [(5, 6), (4, 6), (4,), (2, 6), (4, 2)]
    tensors = [torch.randn(size, generator=draw, dtype=torch.float64) for size in sizes]
    for place, tensor in enumerate(tensors):
        tensor.requires_grad_(place not in frozen)
    assert torch.autograd.gradcheck(low_rank_linear, tensors)
