"""What adapters add to a forward pass: the four places where a method may act, each of which does nothing unless it says so."""

from __future__ import annotations

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor


class Update(Protocol):
    """What adapters add to one forward pass over n flat tokens. Differentiable where its own tensors are.

    linear()       y of a merged product, (n, out), for x (n, in), weight (out, in) and bias (out,)
    residual()     what goes on to the next block, (n, width), for what this one gives
    keys_values()  (n, key_value_heads, head_width) each, as attention takes them: keys normed and rotated
    embedding()    (n, width) for the tokens ids (n,) and their embeddings x
    of()           the same update for a pass that goes on with these of its n tokens alone, by their indices (s,)
    """

    def linear(self, layer: int, product: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor: ...

    def residual(self, layer: int, x: Tensor) -> Tensor: ...

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]: ...

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor: ...

    def of(self, tokens: Tensor) -> Update: ...


class Untouched:
    """The base alone. A method's Update builds on it and overrides the places where it acts."""

    def linear(self, layer: int, product: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(x, weight, bias)

    def residual(self, layer: int, x: Tensor) -> Tensor:
        return x

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return keys, values

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor:
        return x

    def of(self, tokens: Tensor) -> Update:
        """Itself: what acts on all tokens alike does not ask which they are."""
        return self
