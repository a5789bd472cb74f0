"""Attention over rows of unequal lengths that lie behind each other without padding: what training passes over.

    [ p0 p1 ... pP-1 | row 0: t0 t1 ... | row 1: t0 ... | ... ]

as in `attention.py`, each row as long as it is, so that no product, norm or activation is computed of padding. Within attention
alone are the rows padded, to be multiplied together; there the fused kernel's backward pass is several times slower than plain
products on segments of some hundred tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rung.engine.local.attention import PLAIN_SCORES_AT_MOST, PrefixedRows, accelerated, unseen
from rung.engine.local.scoring import PLAIN, Scoring


@dataclass(frozen=True, kw_only=True, eq=False)
class RaggedRows:
    """Attention for a forward pass over [prefix tokens | rows of these lengths], all of them computed in it."""

    prefix_tokens: int
    lengths: tuple[int, ...]
    device: torch.device
    _orders: dict[tuple[int, int], _Order] = field(default_factory=dict)

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, scoring: Scoring = PLAIN) -> Tensor:
        seen = self.prefix_tokens + self.longest
        scores = max(self.prefix_tokens**2, self.longest * seen)
        if not scoring.is_fused or not scoring.reach.covers(seen) or scores > PLAIN_SCORES_AT_MOST or accelerated(queries):
            q, k, v = (tensor.index_select(0, self.padded) for tensor in (queries, keys, values))
            return self.as_padded(layer, q, k, v, scoring).index_select(0, self.unpadded)
        scale = queries.shape[2] ** -0.5 if scoring.scale is None else scoring.scale
        attended: Any = RaggedAttention.apply
        out: Tensor = attended(queries, keys, values, self, scale)
        return out

    @property
    def longest(self) -> int:
        return max(self.lengths)

    @property
    def as_padded(self) -> PrefixedRows:
        """The same rows, each padded to the longest."""
        return PrefixedRows(prefix_tokens=self.prefix_tokens, rows=len(self.lengths), row_length=self.longest)

    @cached_property
    def places(self) -> Tensor:
        """(rows, longest): where each token of the padded rows lies. In the place of padding stands the row's last token."""
        lengths = torch.tensor(self.lengths, device=self.device)
        begins = self.prefix_tokens + lengths.cumsum(0) - lengths
        return begins[:, None] + torch.minimum(torch.arange(self.longest, device=self.device), lengths[:, None] - 1)

    @cached_property
    def padded(self) -> Tensor:
        """Where each token of [prefix | padded rows] lies."""
        return torch.cat((torch.arange(self.prefix_tokens, device=self.device), self.places.flatten()))

    @cached_property
    def own(self) -> Tensor:
        """Where each token behind the prefix lies in the padded rows."""
        at = torch.arange(self.longest, device=self.device) < torch.tensor(self.lengths, device=self.device)[:, None]
        return at.flatten().nonzero().squeeze(1)

    @cached_property
    def unpadded(self) -> Tensor:
        """Where each token lies in [prefix | padded rows]."""
        return torch.cat((torch.arange(self.prefix_tokens, device=self.device), self.own + self.prefix_tokens))

    def order(self, heads: int, key_heads: int) -> _Order:
        """Of the heads, the same in all layers of most models."""
        if (heads, key_heads) not in self._orders:
            self._orders[heads, key_heads] = _Order.of(self, heads, key_heads)
        return self._orders[heads, key_heads]


@dataclass(frozen=True, kw_only=True)
class _Order:
    """Where a head of a token, in (tokens * heads, width), lies among the products' (rows * key heads, length, width), and back.

    queries        of each place of the products, (rows, key heads, group, longest), the token's head
    keys           likewise, (rows, key heads, prefix + longest)
    query_of       of each head of a token behind the prefix, its place among the products' queries
    key_of         likewise among their keys
    hidden         (group * longest, prefix + longest), added to scores; float32
    hidden_first   likewise to those of the prefix's own tokens, (group * prefix, prefix)
    """

    queries: Tensor
    keys: Tensor
    query_of: Tensor
    key_of: Tensor
    hidden: Tensor
    hidden_first: Tensor
    rows: int

    @classmethod
    def of(cls, layout: RaggedRows, heads: int, key_heads: int) -> _Order:
        device, longest, prefix = layout.device, layout.longest, layout.prefix_tokens
        rows, group, seen = len(layout.lengths), heads // key_heads, prefix + longest
        head = torch.arange(heads, device=device).view(1, key_heads, group, 1)
        key_head = torch.arange(key_heads, device=device).view(1, key_heads, 1)
        known = torch.arange(prefix, device=device).expand(rows, prefix)
        row, token = layout.own // longest, layout.own % longest
        query_of = (row[:, None] * heads + torch.arange(heads, device=device)) * longest + token[:, None]
        key_of = (row[:, None] * key_heads + torch.arange(key_heads, device=device)) * seen + prefix + token[:, None]
        later = torch.arange(seen, device=device) > torch.arange(seen, device=device)[:, None]
        return cls(
            queries=(layout.places[:, None, None] * heads + head).flatten(),
            keys=(torch.cat((known, layout.places), dim=1)[:, None] * key_heads + key_head).flatten(),
            query_of=query_of.flatten(),
            key_of=key_of.flatten(),
            hidden=unseen(later[prefix:]).repeat(group, 1),
            hidden_first=unseen(later[:prefix, :prefix]).repeat(group, 1),
            rows=rows * key_heads,
        )

    def laid_out(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As they are multiplied: (rows * key heads, length, width) each."""
        picked = zip((queries, keys, values), (self.queries, self.keys, self.keys), strict=True)
        q, k, v = (_picked(tensor, places, self.rows) for tensor, places in picked)
        return q, k, v


class RaggedAttention(Function):
    """Causal attention of each row over itself and the prefix, and of the prefix over itself, in plain products.

    queries (n, heads, width), keys (n, key heads, width), values (n, key heads, value width) -> (n, heads * value width). Keeps
    the weights, rounded, beside what it was given: the prefix's keys are laid before each row's own once more.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, layout: RaggedRows, scale: float) -> Tensor:
        n, heads, key_heads, prefix = len(queries), queries.shape[1], keys.shape[1], layout.prefix_tokens
        order = layout.order(heads, key_heads)
        weights, attended = _attend(*order.laid_out(queries, keys, values), order.hidden, scale)
        out = values.new_empty(n, heads, values.shape[2])
        torch.index_select(attended.flatten(0, 1), 0, order.query_of, out=out[prefix:].view(-1, values.shape[2]))
        saved = [queries, keys, values, weights]
        if prefix:
            q, k, v = (_by_key_head(tensor[:prefix], key_heads) for tensor in (queries, keys, values))
            first_weights, attended = _attend(q, k, v, order.hidden_first, scale)
            out[:prefix] = _by_token(attended, heads)
            saved.append(first_weights)
        ctx.save_for_backward(*saved)
        ctx.layout, ctx.scale = layout, scale
        return out.flatten(1)

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, weights, *first = ctx.saved_tensors
        n, heads, key_heads, prefix = len(queries), queries.shape[1], keys.shape[1], ctx.layout.prefix_tokens
        order, value_width = ctx.layout.order(heads, key_heads), values.shape[2]
        dout = dout.view(n, heads, value_width)
        dattended = dout.new_zeros(len(order.queries), value_width)
        dattended.index_copy_(0, order.query_of, dout[prefix:].reshape(-1, value_width))
        q, k, v = order.laid_out(queries, keys, values)
        found = _attend_backward(q, k, v, weights, dattended.view(len(q), -1, value_width), ctx.scale)
        wholes = [tensor.new_empty(tensor.shape) for tensor in (queries, keys, values)]
        for whole, grad, back in zip(wholes, found, (order.query_of, order.key_of, order.key_of), strict=True):
            torch.index_select(grad.flatten(0, 1), 0, back, out=whole[prefix:].view(-1, grad.shape[2]))
        if prefix:
            q, k, v, dfirst = (_by_key_head(tensor[:prefix], key_heads) for tensor in (queries, keys, values, dout))
            of_first = _attend_backward(q, k, v, first[0], dfirst, ctx.scale)
            wholes[0][:prefix] = _by_token(of_first[0], heads)
            for whole, grad, own in zip(wholes[1:], found[1:], of_first[1:], strict=True):
                by_rows = grad.view(-1, key_heads, *grad.shape[1:])[:, :, :prefix].sum(0)
                whole[:prefix] = (by_rows + own).transpose(0, 1)
        return *wholes, None, None


def _picked(tensor: Tensor, places: Tensor, rows: int) -> Tensor:
    """(rows, length, width) of the heads at these places in (n, heads, width)."""
    return tensor.reshape(-1, tensor.shape[2]).index_select(0, places).view(rows, -1, tensor.shape[2])


def _by_key_head(tensor: Tensor, key_heads: int) -> Tensor:
    """(key heads, group * n, width) of (n, heads, width)."""
    return tensor.transpose(0, 1).reshape(key_heads, -1, tensor.shape[2])


def _by_token(tensor: Tensor, heads: int) -> Tensor:
    """(n, heads, width) of (key heads, group * n, width)."""
    return tensor.reshape(heads, -1, tensor.shape[2]).transpose(0, 1)


def _attend(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Weights and what they give. Softmax sums in float32, whatever its numbers are."""
    scores = torch.baddbmm(hidden.to(q.dtype).expand(len(q), -1, -1), q, k.transpose(1, 2), alpha=scale)
    weights = torch.softmax(scores, dim=-1)
    return weights, torch.bmm(weights, v)


def _attend_backward(
    q: Tensor, k: Tensor, v: Tensor, weights: Tensor, dattended: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    dv = torch.bmm(weights.transpose(1, 2), dattended)
    dweights = torch.bmm(dattended, v.transpose(1, 2))
    dscores = torch._softmax_backward_data(dweights, weights, -1, weights.dtype).mul_(scale)
    return torch.bmm(dscores, k), torch.bmm(dscores.transpose(1, 2), q), dv
