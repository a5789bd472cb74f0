"""A weight, whichever way it is kept."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.int8 import Int8Matrix
from rung.engine.local.packed import PackedMatrix

Matrix = Tensor | Int8Matrix | PackedMatrix


def product(x: Tensor, weight: Matrix, bias: Tensor | None = None) -> Tensor:
    """x W^T + bias, (..., out) for x (..., in)."""
    return F.linear(x, weight, bias) if isinstance(weight, Tensor) else weight.product(x, bias)


def of_rows(x: Tensor, weight: Matrix, bias: Tensor | None, rows: slice) -> Tensor:
    """These columns alone of the product."""
    if isinstance(weight, PackedMatrix):  # whose rows do not lie side by side
        return weight.product(x, bias)[..., rows]
    return product(x, weight[rows], None if bias is None else bias[rows])


def state_of(weight: Matrix) -> tuple[int, int]:
    """Changes when the weight does: what was derived from it holds until then."""
    if isinstance(weight, Tensor):
        return weight.data_ptr(), 0 if weight.is_inference() else weight._version
    return id(weight), 0
