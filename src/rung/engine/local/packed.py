"""Weights as the processor's kernels read them: laid out once, when they are loaded, instead of anew for each product.

oneDNN multiplies from blocks of its own. Where a weight lies as it was stored, a product of a few rows first lays out all of it,
which takes longer than the product. Nothing is rounded: the numbers are the same, and come back out as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

# Numbers in a weight from which packing it pays: below, a call of this kernel takes longer than the product by another.
NUMBERS_FROM = {torch.bfloat16: 1 << 12, torch.float32: 1 << 17}
# Rows that the layout is best for; others are multiplied from it too.
FEW = 8
# Of what is tried before anything is laid out: whether the product is the same up to the order of its sum.
_TRIED = (3, 96, 64)


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedMatrix:
    """W of (out, in), laid out for products."""

    laid: Tensor

    @classmethod
    def of(cls, weight: Tensor) -> PackedMatrix:
        """Of a matrix for which `packs` holds."""
        return cls(laid=_laid(weight.detach().contiguous()))

    @property
    def shape(self) -> torch.Size:
        return self.laid.shape

    @property
    def device(self) -> torch.device:
        return self.laid.device

    def dense(self) -> Tensor:
        """W as it was."""
        return self.laid.to_dense()

    def float(self) -> Tensor:
        """W in float32."""
        return self.dense().float()

    def __getitem__(self, rows: slice) -> Tensor:
        return self.dense()[rows]

    def product(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x W^T + bias, (..., out) for x (..., in)."""
        return _product(x, self.laid, bias)

    def added(self, x: Tensor, y: Tensor) -> Tensor:
        """y + x W^T, (n, out) for x (n, in) and y (n, out)."""
        return _with(x, y, self.laid, "add")

    def weighted(self, x: Tensor, y: Tensor) -> Tensor:
        """y * (x W^T), as `added`."""
        return _with(x, y, self.laid, "mul")


def pays(weight: object) -> bool:
    """Whether it is a matrix that is multiplied from sooner where it is packed."""
    if not isinstance(weight, Tensor) or weight.dim() != 2 or weight.device.type != "cpu":
        return False
    return weight.numel() >= NUMBERS_FROM.get(weight.dtype, 1 << 63) and packs(weight.dtype)


@cache
def packs(dtype: torch.dtype) -> bool:
    """Whether this build of torch multiplies from packed weights of that precision on this processor, which is tried once."""
    rows, into, out = _TRIED
    generator = torch.Generator().manual_seed(0)
    x, weight, y = (torch.randn(size, generator=generator).to(dtype) for size in ((rows, into), (out, into), (rows, out)))
    try:
        with torch.inference_mode():
            packed = PackedMatrix.of(weight)
            came_back = torch.equal(packed.dense(), weight)
            plain = torch.allclose(packed.product(x), F.linear(x, weight), rtol=1e-2, atol=1e-2)
            added = torch.allclose(packed.added(x, y), y + F.linear(x, weight), rtol=1e-2, atol=2e-1)
            weighted = torch.allclose(packed.weighted(x, y), y * F.linear(x, weight), rtol=1e-2, atol=2e-1)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    return came_back and plain and added and weighted


def _with(x: Tensor, y: Tensor, laid: Tensor, what: str) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, y, laid, None, what)
    return found


def _laid(weight: Tensor) -> Tensor:
    laid: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, FEW)
    return laid


def _product(x: Tensor, laid: Tensor, bias: Tensor | None) -> Tensor:
    if x.requires_grad:  # which this kernel would pass by without a word
        return F.linear(x, laid.to_dense(), bias)
    y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, laid, bias, "none", [], "")
    return y
