"""Cross-entropy at the supervised positions, without ever holding all their scores over the vocabulary."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rung.engine.local.decoder import Head

# Positions whose scores are held at once: (256, 49152) in float32 is 50 MB.
CHUNK = 256


class HeadLoss(Function):
    """Sum of -log softmax(scores)[label], divided by `total`; float32. The scores are those of `decoder.Head`: hidden (s, width)
    times weight^T, with its bias, scale and cap.

    labels (s,). The gradients are taken chunk by chunk while the scores are at hand, as in Liger's fused linear cross-entropy
    (Hsu et al., arXiv 2410.10989): memory is CHUNK * vocabulary, whatever s is.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, total: int, finish: tuple[float, float]
    ) -> Tensor:
        scale, cap = finish
        head = Head(weight=weight, bias=bias, scale=scale, cap=cap)
        loss = torch.zeros((), device=hidden.device)
        wanted = ctx.needs_input_grad
        dhidden = torch.empty_like(hidden) if wanted[0] else None
        dweight = torch.zeros_like(weight, dtype=torch.float32) if wanted[1] else None
        dbias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and wanted[2] else None
        for start in range(0, len(hidden), CHUNK):
            part = slice(start, start + CHUNK)
            scores = head.scores(hidden[part])
            rows = torch.arange(len(scores), device=scores.device)
            normaliser = scores.logsumexp(-1)
            loss += (normaliser - scores[rows, labels[part]]).sum()
            if not any(wanted[:3]):
                continue
            slope = 1 - (scores / cap).square_() if cap else None
            dscores = scores.sub_(normaliser[:, None]).exp_()
            dscores[rows, labels[part]] -= 1
            if slope is not None:
                dscores.mul_(slope)
            dscores = dscores.mul_(scale / total).to(weight.dtype)
            if dhidden is not None:
                torch.mm(dscores, weight, out=dhidden[part])
            if dweight is not None:
                dweight += dscores.T @ hidden[part]
            if dbias is not None:
                dbias += dscores.sum(0)
        ctx.save_for_backward(dhidden, *(None if found is None else found.to(weight.dtype) for found in (dweight, dbias)))
        return loss / total

    @staticmethod
    def backward(ctx: Any, dloss: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [None if found is None else found * dloss.to(found.dtype) for found in ctx.saved_tensors]
        return (*gradients, None, None, None)


def head_loss(hidden: Tensor, head: Head, labels: Tensor, total: int) -> Tensor:
    """HeadLoss, differentiable with respect to the hidden states and the head's tensors."""
    function: Any = HeadLoss  # torch does not say what `apply` takes and gives
    loss: Tensor = function.apply(hidden, head.weight, head.bias, labels, total, (head.scale, head.cap))
    return loss
