"""Supervised fine-tuning: the mean negative log-likelihood of the answers' tokens, end of turn included."""

from __future__ import annotations

from torch import Tensor

from rung.engine.local.decoder import Decoder
from rung.engine.local.update import Update
from rung.train.batches import Batch
from rung.train.loss import HeadLoss


def loss(decoder: Decoder, update: Update | None, batch: Batch, total: int) -> Tensor:
    """A part's share of its whole batch's mean: the sum over the part's supervised tokens divided by the batch's `total`."""
    hidden = decoder.hidden(batch.ids, batch.positions, batch.attention(), update, only=batch.supervised)
    return HeadLoss.apply(hidden, decoder.weights.head, batch.labels, total)
