"""The decoder's elementwise and low-rank steps, each with a backward pass that saves little and reads memory once.

On a CPU these steps are bound by memory traffic, and autograd's own composition of them reads and writes several times as much.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from rung.engine.local.matrices import Matrix


class RMSNorm(Function):
    """y = x / sqrt(mean(x^2) + epsilon) * weight, over the last dimension, in float32 (Zhang & Sennrich, arXiv 1910.07467)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        y, scale = _normed(x, weight, epsilon)
        ctx.save_for_backward(x, weight, scale)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, scale = ctx.saved_tensors
        # Not in place: in float32 x.float() is x itself, which other steps may have kept too.
        x32, dy32 = x.float(), dy.float()
        dweight = (dy32 * x32 * scale).flatten(0, -2).sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[0]:
            return None, dweight, None
        dnormed = dy32 * weight.float()
        inner = (dnormed * x32).mean(-1, keepdim=True).mul_(scale.square())
        return dnormed.addcmul_(x32, inner, value=-1).mul_(scale).to(x.dtype), dweight, None


def _normed(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """(the normed, what x was multiplied by)."""
    x32 = x.float()
    scale = torch.rsqrt_(x32.square().mean(-1, keepdim=True).add_(epsilon))
    return (x32 * scale).to(x.dtype).mul_(weight), scale


class Rotary(Function):
    """Rotates each head's halves (x1, x2) by the position's angles (Su et al., arXiv 2104.09864). x: (..., heads, width)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _rotate(dy, cos, -sin), None, None


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class GatedSiLU(Function):
    """silu(gate) * up over a merged (..., 2 * width) product (Shazeer, arXiv 2002.05202)."""

    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        if not ctx.needs_input_grad[0]:
            return _gated(gate_up)
        gate, up = gate_up.chunk(2, dim=-1)
        opened = F.silu(gate)
        ctx.save_for_backward(gate_up, opened)
        return opened * up

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        gate_up, opened = ctx.saved_tensors
        gate, up = gate_up.chunk(2, dim=-1)
        grad = torch.empty_like(gate_up)
        dgate, dup = grad.chunk(2, dim=-1)
        torch.mul(dy, opened, out=dup)
        torch.ops.aten.silu_backward.grad_input(dy * up, gate, grad_input=dgate)
        return grad


def _gated(gate_up: Tensor) -> Tensor:
    gate, up = gate_up.chunk(2, dim=-1)
    return F.silu(gate).mul_(up)


class LowRankLinear(Function):
    """y = x W^T + b + (x A^T) B^T (Hu et al., arXiv 2106.09685), the scale being folded into B.

    x (n, in), W (out, in), A (rank, in), B (out, rank). Saves x and x A^T alone.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor) -> Tensor:
        low = x @ down.T
        y = F.linear(x, weight, bias)
        ctx.save_for_backward(x, weight, down, up, low)
        return y.addmm_(low, up.T)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, down, up, low = ctx.saved_tensors
        dlow = dy @ up
        dx = (dy @ weight).addmm_(dlow, down) if ctx.needs_input_grad[0] else None
        dweight = dy.T @ x if ctx.needs_input_grad[1] else None
        dbias = dy.sum(0) if ctx.needs_input_grad[2] else None
        ddown = dlow.T @ x if ctx.needs_input_grad[3] else None
        return dx, dweight, dbias, ddown, dy.T @ low if ctx.needs_input_grad[4] else None


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """RMSNorm, differentiable."""
    return _applied(RMSNorm, x, weight, epsilon) if torch.is_grad_enabled() else _normed(x, weight, epsilon)[0]


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary, differentiable."""
    return _applied(Rotary, x, cos, sin) if torch.is_grad_enabled() else _rotate(x, cos, sin)


def gated_silu(gate_up: Tensor) -> Tensor:
    """GatedSiLU, differentiable."""
    return _applied(GatedSiLU, gate_up) if torch.is_grad_enabled() else _gated(gate_up)


def low_rank_linear(x: Tensor, weight: Matrix, bias: Tensor | None, down: Tensor, up: Tensor) -> Tensor:
    """LowRankLinear, differentiable where the weight is kept as it is."""
    if not isinstance(weight, Tensor):
        return weight.product(x, bias).addmm_(x @ down.T, up.T)
    if torch.is_grad_enabled():
        return _applied(LowRankLinear, x, weight, bias, down, up)
    return F.linear(x, weight, bias).addmm_(x @ down.T, up.T)


def _applied(function: Any, *arguments: Any) -> Tensor:
    """Function.apply, of which torch does not say what it gives."""
    y: Tensor = function.apply(*arguments)
    return y
