"""Weights in int8, a scale for each output channel: half of bfloat16's bytes, where reading weights is what a token waits for.

Activations are never rounded to int8: that moved SmolLM2-135M's log-probabilities by .17 to .25 nats a token, where weights alone
move them by .05 to .07. So nothing is multiplied as u8 by s8 either, which saturates without a word on processors without VNNI
instructions, and a channel whose activations are huge costs its neighbours nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MOST = 127
# Rows up to which torch's kernel, which reads the weights as they are, is quicker than unpacking them for a product of their own:
# it multiplies in bfloat16, which some processors do so quickly that unpacking pays earlier.
FEW_ROWS = {torch.bfloat16: 8, torch.float32: 16}
# Inputs are read so many at a time by that kernel; other widths it reads beyond their end.
INPUTS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Int8Matrix:
    """W of (out, in) as steps, int8 in [-127, 127], times scale, (out,) float32: symmetric, the largest of a row at 127."""

    steps: Tensor
    scale: Tensor

    @classmethod
    def of(cls, weight: Tensor) -> Int8Matrix:
        """The nearest steps to a matrix of any float type and layout. A row of zeros stays one."""
        exact = weight.detach().float()
        scale = exact.abs().amax(1) / MOST
        steps = (exact / scale.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round_().clamp_(-MOST, MOST)
        return cls(steps=steps.to(torch.int8).contiguous(), scale=scale)

    @property
    def shape(self) -> torch.Size:
        return self.steps.shape

    @property
    def device(self) -> torch.device:
        return self.steps.device

    def float(self) -> Tensor:
        """W in float32."""
        return self.steps.float() * self.scale[:, None]

    def __getitem__(self, rows: slice) -> Int8Matrix:
        return Int8Matrix(steps=self.steps[rows], scale=self.scale[rows])

    def product(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x W^T + bias, (..., out) for x (..., in), in x's own precision."""
        flat = x.reshape(-1, x.shape[-1])
        y = self._few(flat) if self._is_few(flat) else F.linear(flat, self.steps.to(x.dtype)).mul_(self.scale.to(x.dtype))
        y = y if bias is None else y + bias
        return y.view(*x.shape[:-1], len(self.steps))

    def _is_few(self, x: Tensor) -> bool:
        return 0 < len(x) <= FEW_ROWS.get(x.dtype, 0) and x.shape[1] % INPUTS_AT_ONCE == 0

    def _few(self, x: Tensor) -> Tensor:
        rounded = x.to(torch.bfloat16).contiguous()
        return torch._weight_int8pack_mm(rounded, self.steps, self.scale.to(torch.bfloat16)).to(x.dtype)
