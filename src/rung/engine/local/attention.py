"""Attention over rows that may share a prefix: the shared keys and values are stored, and multiplied, once.

Tokens travel flat, (n, width). A layout says how they fall into one shared prefix and a block of right-padded rows:

    [ p0 p1 ... pP-1 | row 0: t0 t1 ... tT-1 | row 1: t0 ... tT-1 | ... ]

Row tokens see the whole prefix and, causally, their own row. Padding stands at the end of a row, where causality alone keeps it
from being seen. Cascade attention in the field's words (Juravsky et al., Hydragen, arXiv 2402.05099).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

# Above this many scores a row and head, the fused kernel, which never writes them to memory, is quicker than plain products.
PLAIN_SCORES_AT_MOST = 512 * 512
# Plain products of more scores than this, over all rows and heads, leave the processor's cache: fewer rows at a time are quicker.
SCORES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class KeyValues:
    """One layer's keys and values: (key_value_heads, length, head_width), shared by every row."""

    keys: Tensor
    values: Tensor


@dataclass(kw_only=True)
class PrefixedRows:
    """Attention for a forward pass over [prefix tokens | rows x row_length tokens].

    `prefix_tokens` of the flat tokens are the prefix itself, computed in this pass. `known` are keys and values of a prefix
    computed before, a layer each; at most one of the two. With `keep`, every layer's keys and values stay in `kept`: (prefix,
    rows), the rows' as (rows, key_value_heads, row_length, head_width).
    """

    prefix_tokens: int
    rows: int
    row_length: int
    known: list[KeyValues] | None = None
    keep: bool = False
    kept: list[tuple[KeyValues | None, Tensor, Tensor]] = field(default_factory=list)

    def __call__(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """queries (n, heads, width), keys and values (n, key_value_heads, width) -> (n, heads * width)."""
        prefix = self.known[layer] if self.known else None
        outputs = []
        if self.prefix_tokens:
            prefix = KeyValues(keys[: self.prefix_tokens].transpose(0, 1), values[: self.prefix_tokens].transpose(0, 1))
            outputs.append(_causal(queries[: self.prefix_tokens], prefix))
        row_keys, row_values = self._rows(keys), self._rows(values)
        if self.rows:
            outputs.append(attend_rows(self._rows(queries), row_keys, row_values, prefix))
        if self.keep:
            self.kept.append((prefix, row_keys, row_values))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _rows(self, flat: Tensor) -> Tensor:
        return flat[self.prefix_tokens :].view(self.rows, self.row_length, *flat.shape[1:]).transpose(1, 2)


def _causal(queries: Tensor, prefix: KeyValues) -> Tensor:
    out = F.scaled_dot_product_attention(
        queries.transpose(0, 1)[None], prefix.keys[None], prefix.values[None], is_causal=True, enable_gqa=True
    )
    return out[0].transpose(0, 1).flatten(1)


def attend_rows(queries: Tensor, keys: Tensor, values: Tensor, prefix: KeyValues | None) -> Tensor:
    """Causal attention of each row over itself and the prefix.

    queries (rows, heads, length, width); keys, values (rows, key_value_heads, length, width) -> (rows * length, heads * width).
    """
    rows, heads, length, width = queries.shape
    prefix_length = prefix.keys.shape[1] if prefix is not None else 0
    if prefix is None and length * length > PLAIN_SCORES_AT_MOST:
        out = F.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=True)
    elif length * (length + prefix_length) > PLAIN_SCORES_AT_MOST or queries.is_cuda:
        out = _fused_with_prefix(queries, keys, values, prefix)
    else:
        mask = torch.full((length, length), float("-inf"), device=queries.device).triu_(1)
        out = masked_attention(queries, keys, values, mask, prefix)
    return out.transpose(1, 2).reshape(rows * length, heads * width)


def _fused_with_prefix(queries: Tensor, keys: Tensor, values: Tensor, prefix: KeyValues | None) -> Tensor:
    """The fused kernel over keys that hold the prefix's before each row's own."""
    rows, _, length, _ = queries.shape
    if prefix is None:
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=True)
    keys = torch.cat((prefix.keys.expand(rows, -1, -1, -1), keys), dim=2)
    values = torch.cat((prefix.values.expand(rows, -1, -1, -1), values), dim=2)
    past = keys.shape[2] - length
    mask = torch.ones(length, length + past, dtype=torch.bool, device=queries.device).tril_(past)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, enable_gqa=True)


def masked_attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor, prefix: KeyValues | None) -> Tensor:
    """Attention in plain products; all rows' queries meet the prefix in one product.

    queries (rows, heads, length, width); keys, values (rows, key_value_heads, seen, width); `mask` is added to the scores of a
    row's own keys: (length, seen), or (rows, 1, length, seen). Returns (rows, heads, length, width).
    """
    rows, heads, length, width = queries.shape
    seen = keys.shape[2] + (prefix.keys.shape[1] if prefix is not None else 0)
    some = max(1, SCORES_AT_ONCE // (heads * length * seen))
    if some < rows and not queries.is_cuda and not torch.is_grad_enabled():
        parts = (slice(start, start + some) for start in range(0, rows, some))
        own_mask = [(part, mask if mask.dim() == 2 else mask[part]) for part in parts]
        return torch.cat([masked_attention(queries[part], keys[part], values[part], seen_by, prefix) for part, seen_by in own_mask])
    key_heads = keys.shape[1]
    group = heads // key_heads
    grouped = (queries * width**-0.5).reshape(rows, key_heads, group * length, width)
    own = (grouped @ keys.transpose(-1, -2)).view(rows, key_heads, group, length, -1)
    own = own.float() + (mask if mask.dim() == 2 else mask[:, :, None])
    if prefix is None:
        weights = torch.softmax(own, dim=-1).to(values.dtype)
        return (weights.flatten(2, 3) @ values).view(rows, heads, length, width)
    merged = grouped.transpose(0, 1).reshape(key_heads, rows * group * length, width)
    shared = (merged @ prefix.keys.transpose(-1, -2)).view(key_heads, rows, group, length, -1).transpose(0, 1)
    weights = torch.softmax(torch.cat((shared.float(), own), dim=-1), dim=-1).to(values.dtype)
    split = shared.shape[-1]
    from_own = weights[..., split:].flatten(2, 3) @ values
    from_prefix = weights[..., :split].transpose(0, 1).reshape(key_heads, rows * group * length, split) @ prefix.values
    out = from_own + from_prefix.view(key_heads, rows, group * length, width).transpose(0, 1)
    return out.view(rows, heads, length, width)
