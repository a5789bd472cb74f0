"""What an adapter does where tokens come in and go out: the embedding and the head, which are no linear modules of a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rung.engine.local.adapted import ModuleEffect
from rung.engine.local.matrices import Matrix
from rung.engine.local.update import Untouched, Update

# (n, width) rows of an embedding -> (n, width) as the first layer takes them.
Embed = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some tokens' rows of a matrix over the vocabulary: tokens (k,) integer, rows (k, width) float32."""

    tokens: Tensor
    rows: Tensor

    def put_into(self, matrix: Tensor) -> Tensor:
        return matrix.index_copy(0, self.tokens, self.rows.to(matrix))


@dataclass(frozen=True, kw_only=True)
class EndsEffect:
    """`embedding` and `head` are effects on matrices of (vocabulary, width); `..._rows` stand in their place for some tokens."""

    embedding: ModuleEffect | None = None
    embedding_rows: Rows | None = None
    head: ModuleEffect | None = None
    head_rows: Rows | None = None

    def __bool__(self) -> bool:
        return any(part is not None for part in (self.embedding, self.embedding_rows, self.head, self.head_rows))


NOWHERE = EndsEffect()


class AtEnds(Untouched):
    """An adapter that acts at the ends, and within as `inner` does."""

    def __init__(self, effect: EndsEffect, inner: Update, embed: Embed | None) -> None:
        self._effect, self._inner, self._embed = effect, inner, embed or _as_they_are
        self._heads: dict[tuple[int, int], Tensor] = {}

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        return self._inner.linear(layer, product, x, weight, bias)

    def residual(self, layer: int, x: Tensor) -> Tensor:
        return self._inner.residual(layer, x)

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return self._inner.keys_values(layer, keys, values)

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor:
        whole, rows = self._effect.embedding, self._effect.embedding_rows
        if whole and whole.weight is not None:
            x = self._embed(whole.weight[ids].to(x))
        if whole and whole.down is not None and whole.up is not None:
            x = x + self._embed((whole.up[ids] @ whole.down).to(x))
        if rows is not None:
            there = ids[:, None] == rows.tokens
            own = self._embed(rows.rows[there.int().argmax(1)].to(x))
            x = torch.where(there.any(1)[:, None], own, x)
        return x

    def head(self, weight: Tensor) -> Tensor:
        if not (self._effect.head or self._effect.head_rows):
            return weight
        seen = (weight.data_ptr(), 0 if weight.is_inference() else weight._version)
        if seen not in self._heads:
            with torch.no_grad():
                made = self._effect.head.of_weight(weight) if self._effect.head else weight
                self._heads = {seen: (self._effect.head_rows.put_into(made) if self._effect.head_rows else made).to(weight.dtype)}
        return self._heads[seen]


def _as_they_are(rows: Tensor) -> Tensor:
    return rows
