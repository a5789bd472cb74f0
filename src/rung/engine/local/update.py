"""What adapters add to a forward pass: the five places where a method may act, each of which does nothing unless it says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from rung.engine.local.matrices import Matrix
from rung.engine.local.matrices import product as plain


class Update(Protocol):
    """What adapters add to one forward pass over n flat tokens. Differentiable where its own tensors are.

    linear()       y of a merged product, (n, out), for x (n, in), weight (out, in) and bias (out,)
    residual()     what goes on to the next block, (n, width), for what this one gives
    keys_values()  (n, key_value_heads, head_width) each, as attention takes them: keys normed and rotated
    embedding()    (n, width) for the tokens ids (n,) and their embeddings x
    head()         (vocabulary, width), what final hidden states are multiplied by, for the base's own; of its precision
    of()           the same update for a pass that goes on with these of its n tokens alone, by their indices (s,)
    """

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor: ...

    def residual(self, layer: int, x: Tensor) -> Tensor: ...

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]: ...

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor: ...

    def head(self, weight: Tensor) -> Tensor: ...

    def of(self, tokens: Tensor) -> Update: ...


class Untouched:
    """The base alone. A method's Update builds on it and overrides the places where it acts."""

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        return plain(x, weight, bias)

    def residual(self, layer: int, x: Tensor) -> Tensor:
        return x

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return keys, values

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor:
        return x

    def head(self, weight: Tensor) -> Tensor:
        return weight

    def of(self, tokens: Tensor) -> Update:
        """Itself: what acts on all tokens alike does not ask which they are."""
        return self


class Sum:
    """Several updates at once: at each place, what each of them adds by itself, times its weight."""

    def __init__(self, updates: Sequence[tuple[Update, float]]) -> None:
        self.updates = updates

    def linear(self, layer: int, product: str, x: Tensor, weight: Matrix, bias: Tensor | None) -> Tensor:
        return self._sum(plain(x, weight, bias), [update.linear(layer, product, x, weight, bias) for update, _ in self.updates])

    def residual(self, layer: int, x: Tensor) -> Tensor:
        return self._sum(x, [update.residual(layer, x) for update, _ in self.updates])

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        changed = [update.keys_values(layer, keys, values) for update, _ in self.updates]
        return self._sum(keys, [pair[0] for pair in changed]), self._sum(values, [pair[1] for pair in changed])

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor:
        return self._sum(x, [update.embedding(ids, x) for update, _ in self.updates])

    def head(self, weight: Tensor) -> Tensor:
        return self._sum(weight, [update.head(weight) for update, _ in self.updates])

    def of(self, tokens: Tensor) -> Update:
        return Sum([(update.of(tokens), weight) for update, weight in self.updates])

    def _sum(self, plain: Tensor, changed: Sequence[Tensor]) -> Tensor:
        changes = [(tensor, weight) for tensor, (_, weight) in zip(changed, self.updates, strict=True) if tensor is not plain]
        if len(changes) == 1 and changes[0][1] == 1.0:
            return changes[0][0]
        total = plain
        for tensor, weight in changes:
            total = total + weight * (tensor - plain)
        return total
