"""Cross-entropy at the supervised positions, without ever holding all their scores over the vocabulary."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

# Positions whose scores are held at once: (256, 49152) in float32 is 50 MB.
CHUNK = 256


class HeadLoss(Function):
    """Sum of -log softmax(hidden head^T)[label], divided by `total`; float32.

    hidden (s, width), head (vocabulary, width), labels (s,). The gradients are taken chunk by chunk while the scores are at hand,
    as in Liger's fused linear cross-entropy (Hsu et al., arXiv 2410.10989): memory is CHUNK * vocabulary, whatever s is.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, labels: Tensor, total: int) -> Tensor:
        loss = torch.zeros((), device=hidden.device)
        dhidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        dhead = torch.zeros_like(head, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for start in range(0, len(hidden), CHUNK):
            part = slice(start, start + CHUNK)
            scores = F.linear(hidden[part], head).float()
            rows = torch.arange(len(scores), device=scores.device)
            normaliser = scores.logsumexp(-1)
            loss += (normaliser - scores[rows, labels[part]]).sum()
            if dhidden is None and dhead is None:
                continue
            dscores = scores.sub_(normaliser[:, None]).exp_()
            dscores[rows, labels[part]] -= 1
            dscores = dscores.div_(total).to(head.dtype)
            if dhidden is not None:
                torch.mm(dscores, head, out=dhidden[part])
            if dhead is not None:
                dhead += dscores.T @ hidden[part]
        ctx.save_for_backward(dhidden, dhead.to(head.dtype) if dhead is not None else None)
        return loss / total

    @staticmethod
    def backward(ctx: Any, dloss: Tensor) -> tuple[Tensor | None, ...]:
        dhidden, dhead = ctx.saved_tensors
        return (
            dhidden * dloss.to(dhidden.dtype) if dhidden is not None else None,
            dhead * dloss.to(dhead.dtype) if dhead is not None else None,
            None,
            None,
        )


def head_loss(hidden: Tensor, head: Tensor, labels: Tensor, total: int) -> Tensor:
    """HeadLoss, differentiable."""
    function: Any = HeadLoss  # torch does not say what `apply` takes and gives
    loss: Tensor = function.apply(hidden, head, labels, total)
    return loss
