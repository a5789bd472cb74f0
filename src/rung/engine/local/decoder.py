"""What training, evaluation and serving ask of a decoder: flat tokens in, hidden states and their scores out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.attention import Attention
from rung.engine.local.matrices import product
from rung.engine.local.packed import PackedMatrix
from rung.engine.local.shape import Shape
from rung.engine.local.update import Update


@dataclass(frozen=True, kw_only=True)
class Head:
    """Scores over the vocabulary of a final hidden state h: s = (h weight^T + bias) scale; with a cap, cap tanh(s / cap).

    weight (vocabulary, width), bias (vocabulary,)
    packed the same weight for products of all of it; None where it is not laid out for them
    """

    weight: Tensor
    packed: PackedMatrix | None = None
    bias: Tensor | None = None
    scale: float = 1.0
    cap: float = 0.0

    def scores(self, hidden: Tensor) -> Tensor:
        """(n, vocabulary), float32 of products in the model's precision."""
        return self.finished(product(hidden, self.packed or self.weight, self.bias).float())

    def exact(self, hidden: Tensor, tokens: Tensor | slice) -> Tensor:
        """Those of some tokens alone, (n, tokens), in float32 throughout."""
        bias = self.bias[tokens].float() if self.bias is not None else None
        return self.finished(F.linear(hidden.float(), self.weight[tokens].float(), bias))

    def each(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """One token's for each of hidden (rows, n, width), in float32 throughout: (rows, n) for tokens (n,)."""
        products = torch.einsum("rnw,nw->rn", hidden.float(), self.weight[tokens].float())
        return self.finished(products if self.bias is None else products + self.bias[tokens].float())

    def finished(self, products: Tensor) -> Tensor:
        """What is made of the products; float32."""
        scaled = products if self.scale == 1.0 else products * self.scale
        return torch.tanh(scaled / self.cap) * self.cap if self.cap else scaled


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A pass that others have begun: what block `layer` is given, (n, width)."""

    layer: int
    states: Tensor


class Decoder(ABC):
    """A base in memory, whichever way it is computed. One set of weights serves any number of adapters."""

    config: Shape

    @property
    @abstractmethod
    def device(self) -> torch.device: ...

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype: ...

    @property
    @abstractmethod
    def head(self) -> Head:
        """What makes scores of hidden states."""

    # The head's weight laid out for products, where it is.
    packed_head: PackedMatrix | None = None
    # Whether a pass can be cut between two blocks: `until`, and what `hidden` takes as `begun`.
    CUTS = False

    def until(self, layer: int, ids: Tensor, positions: Tensor, attention: Attention, update: Update | None = None) -> Tensor:
        """What block `layer` is given, (n, width)."""
        raise NotImplementedError

    @abstractmethod
    def hidden(
        self,
        ids: Tensor,
        positions: Tensor,
        attention: Attention,
        update: Update | None = None,
        only: Tensor | None = None,
        *,
        begun: Begun | None = None,
    ) -> Tensor:
        """Final-norm hidden states, (n, width), or of the tokens `only` alone, (s, width).

        ids, positions  (n,) integer: flat tokens and where each stands in its conversation
        attention       mixes tokens; knows the layout, see `attention.py`
        update          what adapters add, or None for the base alone
        only            (s,) indices: past the last block's attention nothing else need be computed
        begun           of the same tokens, by `until`; None to begin with them
        """

    def head_under(self, update: Update | None) -> Head:
        """The head as adapters make it."""
        head = self.head
        weight = update.head(head.weight) if update else head.weight
        return head if weight is head.weight else replace(head, weight=weight, packed=None)

    def logits(self, hidden: Tensor, update: Update | None = None) -> Tensor:
        """Scores over the vocabulary, (n, vocabulary), float32; of hidden states that this update had a part in."""
        return self.head_under(update).scores(hidden)

    def embed(self, rows: Tensor) -> Tensor:
        """(n, width), as the first layer takes rows of the embedding. Asked for where the shape has `ends`."""
        raise NotImplementedError

    @abstractmethod
    def named(self) -> dict[str, Tensor]:
        """Every distinct tensor that full fine-tuning trains, under names of the decoder's own."""

    @abstractmethod
    def over(self, tensors: Mapping[str, Tensor]) -> Decoder:
        """The same decoder over other tensors, named as by `named`; what is tied stays tied. This one stays as it is."""

    @abstractmethod
    def save_weights(self, folder: Path) -> None:
        """Write `model.safetensors` (or shards and their index) as transformers names the tensors."""
