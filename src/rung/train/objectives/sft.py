"""Supervised fine-tuning: the mean negative log-likelihood of the answers' tokens, end of turn included."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from rung.engine.local.decoder import Decoder
from rung.engine.local.shape import Shape
from rung.engine.local.update import Update
from rung.train.batches import Batch
from rung.train.loss import CHUNK, head_loss


class Config(BaseModel):
    """There is nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def loss(decoder: Decoder, update: Update | None, batch: Batch, total: int, config: Config) -> Tensor:
    """A part's share of its whole batch's mean: the sum over the part's supervised tokens divided by the batch's `total`."""
    attention = batch.attention()
    hidden = decoder.hidden(batch.ids, batch.positions, attention, update, only=batch.supervised, begun=batch.begun)
    return head_loss(hidden, decoder.head_under(update), batch.labels, total)


def score_bytes(config: Config, shape: Shape, item: int, positions: int) -> int:
    """The scores over the vocabulary that are held at once, of `positions` supervised ones, and their gradient."""
    return min(positions, CHUNK) * shape.vocabulary * (item + 4)
