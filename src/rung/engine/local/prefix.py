"""A prefix that many questions share (system prompt, tools, demonstrations): its keys and values, computed once and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch

from rung.engine.local.attention import KeyValues, PrefixedRows
from rung.engine.local.decoder import Decoder
from rung.engine.local.update import Update

KEPT_PREFIXES = 4


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """`tokens` and, a layer each, their keys and values under one adapter."""

    tokens: tuple[int, ...]
    layers: list[KeyValues]


def compute_prefix(decoder: Decoder, tokens: tuple[int, ...], update: Update | None) -> Prefix:
    """One pass over the prefix alone."""
    attention = PrefixedRows(prefix_tokens=len(tokens), rows=0, row_length=0, keep=True)
    decoder.hidden(torch.tensor(tokens, device=decoder.device), torch.arange(len(tokens), device=decoder.device), attention, update)
    layers = [KeyValues(kept.keys.contiguous(), kept.values.contiguous()) for kept, _, _ in attention.kept if kept is not None]
    return Prefix(tokens=tokens, layers=layers)


class PrefixCache:
    """The prefixes used last. One computed under one adapter is never given to another: the adapters' digests are in the key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[tuple[str, ...], tuple[int, ...]], Prefix] = OrderedDict()

    def get(self, adapters: tuple[str, ...], tokens: tuple[int, ...]) -> Prefix | None:
        found = self._kept.get((adapters, tokens))
        if found:
            self._kept.move_to_end((adapters, tokens))
        return found

    def put(self, adapters: tuple[str, ...], prefix: Prefix) -> None:
        self._kept[adapters, prefix.tokens] = prefix
        while len(self._kept) > KEPT_PREFIXES:
            self._kept.popitem(last=False)
