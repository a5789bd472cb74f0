"""How a layer weighs what its tokens see, where that is more than softmax(q k / sqrt(width)) over all that stands before."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Which earlier tokens a token sees, by where both stand in their conversation; 0 is no limit.

    window  itself and the window - 1 before it
    chunk   those of its own chunk of so many
    """

    window: int = 0
    chunk: int = 0

    def covers(self, length: int) -> bool:
        """Whether nothing in a conversation of this length is out of reach."""
        return all(limit == 0 or length <= limit for limit in (self.window, self.chunk))

    def first(self, place: int) -> int:
        """The first place that a token at `place`, or any after it, sees."""
        by_window = max(0, place - self.window + 1) if self.window else 0
        by_chunk = place // self.chunk * self.chunk if self.chunk else 0
        return min(max(by_window, by_chunk), place)

    def hides(self, queries: Tensor, keys: Tensor) -> Tensor:
        """True where the token at a place of `queries` must not see that at a place of `keys`, later ones included."""
        hides = keys > queries
        if self.window:
            hides = hides | (keys <= queries - self.window)
        if self.chunk:
            hides = hides | (keys // self.chunk != queries // self.chunk)
        return hides


@dataclass(frozen=True, kw_only=True, eq=False)
class Scoring:
    """scale  of the products of queries and keys; None for 1 / sqrt(width)
    reach  which tokens are seen at all
    cap    scores are drawn softly into +-cap: cap tanh(score / cap); 0 for none
    sinks  (heads,) a score of each head beside the tokens', which takes weight and gives nothing; None for none
    """

    scale: float | None = None
    reach: Reach = Reach()
    cap: float = 0.0
    sinks: Tensor | None = None

    @property
    def is_fused(self) -> bool:
        """Whether torch's fused kernel computes it."""
        return not self.cap and self.sinks is None

    def capped(self, scores: Tensor) -> Tensor:
        return torch.tanh(scores / self.cap) * self.cap if self.cap else scores

    def weights(self, scores: Tensor) -> Tensor:
        """Of scores (rows, key_value_heads, group, length, seen), float32."""
        if self.sinks is None:
            return torch.softmax(scores, dim=-1)
        sinks = self.sinks.float().view(1, scores.shape[1], scores.shape[2], 1, 1).expand(*scores.shape[:-1], 1)
        return torch.softmax(torch.cat((scores, sinks), dim=-1), dim=-1)[..., :-1]


PLAIN = Scoring()
