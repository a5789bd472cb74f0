"""A prefix that many questions share (system prompt, tools, demonstrations): its keys and values, computed once and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import torch

from rung.engine.local.adapters import Key, Stack
from rung.engine.local.attention import KeyValues, PrefixedRows
from rung.engine.local.decoder import Decoder
from rung.engine.local.drafts import Text

# Of all prefixes kept together, the one used last in any case.
KEPT_TOKENS = 1 << 15


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """`tokens` and, a layer each, their keys and values under the adapters that `stack` names."""

    tokens: tuple[int, ...]
    stack: Key
    layers: list[KeyValues]

    @cached_property
    def text(self) -> Text:
        """To be looked up in, by every row behind it."""
        return Text(self.tokens)


def compute_prefix(decoder: Decoder, tokens: tuple[int, ...], stack: Stack) -> Prefix:
    """One pass over the prefix alone."""
    attention = PrefixedRows(prefix_tokens=len(tokens), rows=0, row_length=0, keep=True)
    ids, positions = torch.tensor(tokens, device=decoder.device), torch.arange(len(tokens), device=decoder.device)
    decoder.hidden(ids, positions, attention, stack.update)
    layers = [KeyValues(kept.keys.contiguous(), kept.values.contiguous()) for kept, _, _ in attention.kept if kept is not None]
    return Prefix(tokens=tokens, stack=stack.key, layers=layers)


class PrefixCache:
    """The prefixes used last. One computed under one stack of adapters is never given to another: its key is in the prefix's."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Key, tuple[int, ...]], Prefix] = OrderedDict()

    def get(self, stack: Stack, tokens: tuple[int, ...]) -> Prefix | None:
        found = self._kept.get((stack.key, tokens))
        if found:
            self._kept.move_to_end((stack.key, tokens))
        return found

    def put(self, prefix: Prefix) -> None:
        self._kept[prefix.stack, prefix.tokens] = prefix
        while len(self._kept) > 1 and sum(len(tokens) for _, tokens in self._kept) > KEPT_TOKENS:
            self._kept.popitem(last=False)
