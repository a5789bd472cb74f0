"""Attention over rows that may share a prefix: the shared keys and values are stored, and multiplied, once.

Tokens travel flat, (n, width). A layout says how they fall into one shared prefix and a block of right-padded rows:

    [ p0 p1 ... pP-1 | row 0: t0 t1 ... tT-1 | row 1: t0 ... tT-1 | ... ]

Row tokens see the whole prefix and, causally, their own row; the tokens of a row stand right behind the prefix. Padding stands at
the end of a row, where causality alone keeps it from being seen. Cascade attention in the field's words (Juravsky et al., Hydragen,
arXiv 2402.05099). What a layer may ask beside that (a window, a soft cap, sinks) is its Scoring, in `scoring.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from rung.engine.local.scoring import PLAIN, Scoring

# Above this many scores a row and head, the fused kernel, which never writes them to memory, is quicker to train through.
PLAIN_SCORES_AT_MOST = 512 * 512
# Plain products of more scores than this, over all rows and heads, leave the processor's cache: fewer rows at a time are quicker.
SCORES_AT_ONCE = 1 << 20
# So few queries are the second factor of the product: were they the first, torch would copy keys that have room behind them.
FEW_QUERIES = {torch.bfloat16: 24, torch.float32: 3}
# Of rows that are read on a processor so many tokens at a time, or more, meet the keys before them: nothing is computed of those
# behind them, and scores stay in the cache. A pass of 1,500 tokens takes half of what torch's kernel takes in bfloat16.
FEWEST_TOKENS_AT_ONCE = 64
# Where the fused kernel cannot do what is asked: scores of all heads held at once, so that a long prompt fits into memory.
FORCED_SCORES_AT_ONCE = 1 << 24


class Attention(Protocol):
    """What mixes the tokens of one pass: it knows the layout, and keeps what later passes see."""

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, scoring: Scoring = PLAIN) -> Tensor:
        """queries (n, heads, width), keys (n, key_value_heads, width), values (n, key_value_heads, value_width) ->
        (n, heads * value_width)."""


@dataclass(frozen=True)
class KeyValues:
    """One layer's keys and values: (key_value_heads, length, width) each, shared by every row."""

    keys: Tensor
    values: Tensor

    def behind(self, start: int) -> KeyValues | None:
        """Those from a place on; None where there are none."""
        if start >= self.keys.shape[1]:
            return None
        return KeyValues(self.keys[:, start:], self.values[:, start:]) if start else self


@dataclass(kw_only=True)
class PrefixedRows:
    """Attention for a forward pass over [prefix tokens | rows x row_length tokens].

    `prefix_tokens` of the flat tokens are the prefix itself, computed in this pass. `known` are keys and values of a prefix
    computed before, a layer each; at most one of the two. With `keep`, every layer's keys and values stay in `kept`: (prefix,
    rows), the rows' as (rows, key_value_heads, row_length, width).
    """

    prefix_tokens: int
    rows: int
    row_length: int
    known: list[KeyValues] | None = None
    keep: bool = False
    kept: list[tuple[KeyValues | None, Tensor, Tensor]] = field(default_factory=list)

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor, scoring: Scoring = PLAIN) -> Tensor:
        prefix = self.known[layer] if self.known else None
        outputs = []
        if self.prefix_tokens:
            prefix = KeyValues(keys[: self.prefix_tokens].transpose(0, 1), values[: self.prefix_tokens].transpose(0, 1))
            outputs.append(_causal(queries[: self.prefix_tokens], prefix, scoring))
        row_keys, row_values = self._rows(keys), self._rows(values)
        if self.rows:
            outputs.append(attend_rows(self._rows(queries), row_keys, row_values, prefix, scoring))
        if self.keep:
            self.kept.append((prefix, row_keys, row_values))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _rows(self, flat: Tensor) -> Tensor:
        return flat[self.prefix_tokens :].view(self.rows, self.row_length, *flat.shape[1:]).transpose(1, 2)


def _causal(queries: Tensor, prefix: KeyValues, scoring: Scoring) -> Tensor:
    queries = queries.transpose(0, 1)[None]
    if scoring.is_fused and scoring.reach.covers(queries.shape[2]):
        out = _kernel(queries, prefix.keys[None], prefix.values[None], None, scoring)
        return out[0].transpose(0, 1).flatten(1)
    return attend_rows(queries, prefix.keys[None], prefix.values[None], None, scoring)


def attend_rows(queries: Tensor, keys: Tensor, values: Tensor, prefix: KeyValues | None, scoring: Scoring = PLAIN) -> Tensor:
    """Causal attention of each row over itself and the prefix, which ends where the rows begin.

    queries (rows, heads, length, width); keys, values (rows, key_value_heads, length, width) ->
    (rows * length, heads * value width).
    """
    length = queries.shape[2]
    begins = prefix.keys.shape[1] if prefix is not None else 0
    start = scoring.reach.first(begins)
    prefix = prefix.behind(start) if prefix is not None else None
    seen = length + begins - start
    trained = torch.is_grad_enabled() and length * seen > PLAIN_SCORES_AT_MOST
    if scoring.is_fused and (accelerated(queries) or trained):
        out = _fused_with_prefix(queries, keys, values, prefix, scoring, begins)
    else:
        size = _tokens_at_once(queries, seen)
        parts = [
            _plain_part(part, keys[:, :, : at + size], values[:, :, : at + size], prefix, scoring, begins, at)
            for part, at in zip(queries.split(size, dim=2), range(0, length, size), strict=True)
        ]
        out = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return out.transpose(1, 2).flatten(0, 1).flatten(1)


def _tokens_at_once(queries: Tensor, seen: int) -> int:
    """Of each row, in plain products."""
    rows, heads, length, _ = queries.shape
    if not accelerated(queries) and not torch.is_grad_enabled():
        return max(FEWEST_TOKENS_AT_ONCE, SCORES_AT_ONCE // (rows * heads * seen))
    return length if length * seen <= PLAIN_SCORES_AT_MOST else max(1, FORCED_SCORES_AT_ONCE // (rows * heads * seen))


def _plain_part(
    queries: Tensor, keys: Tensor, values: Tensor, prefix: KeyValues | None, scoring: Scoring, begins: int, at: int
) -> Tensor:
    """Plain products for the tokens of the rows from `at` on, whose keys up to themselves are given."""
    places = torch.arange(begins + at, begins + at + queries.shape[2], device=queries.device)[:, None]
    own = torch.arange(begins, begins + keys.shape[2], device=queries.device)
    mask = unseen(scoring.reach.hides(places, own))
    shared = None
    if prefix is not None and not scoring.reach.covers(begins + at + queries.shape[2]):
        known = torch.arange(begins - prefix.keys.shape[1], begins, device=queries.device)
        shared = unseen(scoring.reach.hides(places, known))
    return masked_attention(queries, keys, values, mask, prefix, scoring, shared)


def _fused_with_prefix(
    queries: Tensor, keys: Tensor, values: Tensor, prefix: KeyValues | None, scoring: Scoring, begins: int
) -> Tensor:
    """The fused kernel over keys that hold the prefix's before each row's own."""
    rows, _, length, _ = queries.shape
    if prefix is None and scoring.reach.covers(begins + length):
        return _kernel(queries, keys, values, None, scoring)
    if prefix is not None:
        keys = torch.cat((prefix.keys.expand(rows, -1, -1, -1), keys), dim=2)
        values = torch.cat((prefix.values.expand(rows, -1, -1, -1), values), dim=2)
    first = begins + length - keys.shape[2]
    places = torch.arange(begins, begins + length, device=queries.device)[:, None]
    mask = ~scoring.reach.hides(places, torch.arange(first, begins + length, device=queries.device))
    return _kernel(queries, keys, values, mask, scoring)


def _kernel(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scoring: Scoring) -> Tensor:
    """torch's own, causal where no mask says otherwise."""
    return F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, is_causal=mask is None, scale=scoring.scale, enable_gqa=True
    )


def masked_attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor,
    prefix: KeyValues | None,
    scoring: Scoring = PLAIN,
    prefix_mask: Tensor | None = None,
) -> Tensor:
    """Attention in plain products; all rows' queries meet the prefix in one product.

    queries (rows, heads, length, width); keys, values (rows, key_value_heads, seen, width); `mask` is added to the scores of a
    row's own keys: (length, seen), or (rows, 1, length, seen); `prefix_mask` likewise to those of the prefix's, None where all of
    them are seen. Returns (rows, heads, length, value width).
    """
    rows, heads, length, width = queries.shape
    seen = keys.shape[2] + (prefix.keys.shape[1] if prefix is not None else 0)
    some = max(1, SCORES_AT_ONCE // (heads * length * seen))
    if some < rows and not accelerated(queries) and not torch.is_grad_enabled():
        parts = [slice(start, start + some) for start in range(0, rows, some)]
        return torch.cat(
            [
                masked_attention(
                    queries[part],
                    keys[part],
                    values[part],
                    _rows_of(mask, part),
                    prefix,
                    scoring,
                    None if prefix_mask is None else _rows_of(prefix_mask, part),
                )
                for part in parts
            ]
        )
    key_heads = keys.shape[1]
    group = heads // key_heads
    scale = width**-0.5 if scoring.scale is None else scoring.scale
    grouped = (queries * scale).reshape(rows, key_heads, group * length, width)
    own = scoring.capped(_products(grouped, keys).unflatten(2, (group, length)).float()) + _grouped(mask)
    if prefix is None:
        weights = scoring.weights(own).to(values.dtype)
        return (weights.flatten(2, 3) @ values).view(rows, heads, length, -1)
    merged = grouped.transpose(0, 1).reshape(key_heads, rows * group * length, width)
    shared = (merged @ prefix.keys.transpose(-1, -2)).view(key_heads, rows, group, length, -1).transpose(0, 1)
    shared = scoring.capped(shared.float())
    if prefix_mask is not None:
        shared = shared + _grouped(prefix_mask)
    weights = scoring.weights(torch.cat((shared, own), dim=-1)).to(values.dtype)
    split = shared.shape[-1]
    from_own = weights[..., split:].flatten(2, 3) @ values
    from_prefix = weights[..., :split].transpose(0, 1).reshape(key_heads, rows * group * length, split) @ prefix.values
    out = from_own + from_prefix.view(key_heads, rows, group * length, -1).transpose(0, 1)
    return out.view(rows, heads, length, -1)


def _products(queries: Tensor, keys: Tensor) -> Tensor:
    """queries (..., n, width), keys (..., seen, width) -> (..., n, seen)."""
    if queries.shape[-2] <= FEW_QUERIES.get(queries.dtype, 0) and not accelerated(queries):
        return (keys @ queries.transpose(-1, -2)).transpose(-1, -2)
    return queries @ keys.transpose(-1, -2)


def _rows_of(mask: Tensor, part: slice) -> Tensor:
    return mask if mask.dim() == 2 else mask[part]


def _grouped(mask: Tensor) -> Tensor:
    """Of scores (rows, key_value_heads, group, length, seen)."""
    return mask if mask.dim() == 2 else mask[:, :, None]


def unseen(places: Tensor) -> Tensor:
    """Added to scores: minus infinity where `places` is true."""
    return torch.zeros(places.shape, device=places.device).masked_fill_(places, float("-inf"))


def accelerated(tensor: Tensor) -> bool:
    """Whether it lies on a device where a call costs more than the arithmetic that it saves."""
    return tensor.device.type != "cpu"
