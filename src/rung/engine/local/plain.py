"""A base that only its own code can compute (no attention that we could give it, states instead of keys): right, and slower.

Rows are laid out one after the other, right-padded, which a causal model does not see; nothing is shared between them. Answers are
made by transformers' own `generate`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from rung.engine.constrain import Grammars
from rung.engine.local.adapters import Stack
from rung.engine.local.attention import Attention, PrefixedRows
from rung.engine.local.batching import ALIKE, Budget, alike, plan
from rung.engine.local.choose import Choices
from rung.engine.local.completing import Completion
from rung.engine.local.decoder import Begun, Decoder, Head
from rung.engine.local.linears import Linears
from rung.engine.local.modules import save_module
from rung.engine.local.plain_generation import Chosen, generate, pads_rightly
from rung.engine.local.prefix import Prefix
from rung.engine.local.ragged import RaggedRows
from rung.engine.local.rows import Ask, Row
from rung.engine.local.shape import KeyValueSizes, Module, Shape
from rung.engine.local.update import Update

# Widths a layer that autograd keeps between the products, and heads that write weights: a guess at code that is not ours.
BETWEEN, HEADS = 8, 16
# Of a pass that reads choices, padding counted.
TOKENS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class PlainShape(Shape):
    """What is known of a model without asking how it computes. `counted` are its numbers, a tied head's once."""

    every: tuple[Mapping[str, tuple[Module, ...]], ...]
    counted: int

    @property
    def keys_values(self) -> tuple[KeyValueSizes, ...]:
        """At most: as if every layer kept a key and a value as wide as the model."""
        return (KeyValueSizes(heads=1, key_width=self.width, value_width=self.width),) * self.layers

    @property
    def products(self) -> tuple[Mapping[str, tuple[Module, ...]], ...]:
        return self.every

    @property
    def parameters(self) -> int:
        return self.counted

    def kept_bytes(self, item: int, seen: int) -> int:
        every = [module for layer in self.every for modules in layer.values() for module in modules]
        products = sum(module.width_in + module.width_out for module in every)
        return item * (products + BETWEEN * self.layers * self.width) + 4 * HEADS * self.layers * seen


class PlainDecoder(Decoder):
    """A model of transformers' own classes, or of code that came with it, run as it is."""

    WAY = "plain"

    config: PlainShape

    def __init__(
        self, config: PlainShape, module: Any, head: Head, linears: Linears, tensors: Mapping[str, Tensor] | None = None
    ) -> None:
        """`tensors` stand in for the module's own parameters, by their names."""
        self.config, self.module, self._head, self._linears, self._tensors = config, module, head, linears, tensors

    @property
    def device(self) -> torch.device:
        return self._head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self._head.weight.dtype

    @property
    def head(self) -> Head:
        return self._head

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
        if isinstance(attention, RaggedRows):
            places = attention.padded
            padded = self.hidden(ids.index_select(0, places), positions.index_select(0, places), attention.as_padded, update)
            found = padded.index_select(0, attention.unpadded)
            return found if only is None else found[only]
        if not isinstance(attention, PrefixedRows) or attention.known or attention.keep:
            raise TypeError("a plain decoder keeps nothing between passes")
        size, rows = attention.prefix_tokens, attention.rows
        if rows:
            states = self.states(torch.cat((ids[:size].expand(rows, -1), ids[size:].view(rows, -1)), dim=1), update)
            found = torch.cat((states[0, :size], states[:, size:].flatten(0, 1)))
        else:
            found = self.states(ids[None], update)[0]
        return found if only is None else found[only]

    def states(self, ids: Tensor, update: Update | None) -> Tensor:
        """What the head is given, (rows, length, width), for rows that are padded on the right alone."""
        found: list[Tensor] = []

        def catch(_module: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            found.append(given[0])
            return (given[0][:, -1:],)

        handle = self.module.get_output_embeddings().register_forward_pre_hook(catch)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "use_cache": False}
        try:
            with self._linears.heard_by(update):
                if self._tensors is None:
                    self.module(**inputs)
                else:
                    functional_call(self.module, dict(self._tensors), (), inputs)
        finally:
            handle.remove()
        return found[0]

    def under_head(self, head: Head) -> PlainDecoder:
        """The same decoder, its hidden states read by another head."""
        return PlainDecoder(self.config, self.module, head, self._linears, self._tensors)

    def named(self) -> dict[str, Tensor]:
        return dict(self._tensors or self.module.named_parameters())

    def over(self, tensors: Mapping[str, Tensor]) -> PlainDecoder:
        own = {id(tensor): name for name, tensor in self.module.named_parameters()}
        head = self.module.get_output_embeddings()
        bias = tensors[own[id(head.bias)]] if self._head.bias is not None else None
        changed = replace(self._head, weight=tensors[own[id(head.weight)]], bias=bias)
        return PlainDecoder(self.config, self.module, changed, self._linears, tensors)

    def save_weights(self, folder: Path) -> None:
        state = self.module.state_dict()
        if self._tensors:
            names = {id(tensor): name for name, tensor in self.module.named_parameters()}
            held = dict(self.module.named_parameters(remove_duplicate=False))
            state |= {name: self._tensors[names[id(tensor)]].detach() for name, tensor in held.items()}
        save_module(self.module, folder, state)

    @torch.inference_mode()
    def choose(self, prompts: Sequence[Sequence[int]], choices: Choices, prefix: Prefix | None, stack: Stack) -> Tensor:
        """As `choose.choose`; each choice that needs more than its first token is read behind a prompt of its own."""
        begun = [[*ids, *choices.common] for ids in prompts]
        if choices.distinct:
            first = torch.tensor([rest[0] for rest in choices.rests], device=self.device)
            return torch.log_softmax(self.head.exact(self._last_states(begun, stack.update), first), dim=-1)
        rows = [[*ids, *rest] for ids in begun for rest in choices.rests]
        starts = [len(ids) for ids in begun for _ in choices.rests]
        scores = torch.empty(len(rows), device=self.device)
        for places in alike([len(row) for row in rows], TOKENS_AT_ONCE):
            padded = self._padded([rows[place] for place in places])
            states = self.states(padded, stack.update)
            for state, place in zip(states, places, strict=True):
                row, start = rows[place], starts[place]
                logs = torch.log_softmax(self.head.exact(state[start - 1 : len(row) - 1], slice(None)), dim=-1)
                said = torch.tensor(row[start:], device=self.device)
                scores[place] = logs.gather(1, said[:, None]).sum()
        return torch.log_softmax(scores.view(len(prompts), -1), dim=-1)

    def complete(
        self, asks: Sequence[Ask], end_tokens: frozenset[int], grammars: Grammars | None, budget: Budget
    ) -> Iterator[Completion]:
        """Each row's, as they end; rows of one stack of adapters, and of like length, run together."""
        lengths = [len(ask.ids) for ask in asks]
        kept = [int(length / ALIKE) + ask.max_tokens for length, ask in zip(lengths, asks, strict=True)]
        for places in plan(lengths, kept, replace(budget, tokens=sys.maxsize)):
            rows = [Row(number=place, ask=asks[place], end_tokens=end_tokens) for place in places]
            began = time.perf_counter()
            for group in self._together([row for row in rows if not row.finish_reason], budget.tokens):
                self.follow(Chosen(group, grammars))
            seconds = (time.perf_counter() - began) / len(rows)
            for row in rows:
                yield Completion(
                    row=row.number, ids=list(row.made), finish_reason=row.finish_reason, error=row.error, seconds=seconds
                )

    @torch.inference_mode()
    def follow(self, chosen: Chosen) -> None:
        """Run rows of one stack of adapters to their ends."""
        rows = chosen.rows
        with self._linears.heard_by(rows[0].ask.stack.update):
            prompts = [[*row.ask.ids, *row.made] for row in rows]
            generate(self.module, prompts, chosen, max(row.ask.max_tokens for row in rows), self.device)

    def _together(self, rows: Sequence[Row], tokens: int) -> list[list[Row]]:
        groups = []
        for key in dict.fromkeys(row.ask.stack.key for row in rows):
            mine = [row for row in rows if row.ask.stack.key == key]
            groups += [[mine[place] for place in places] for places in self._groups([len(row.ask.ids) for row in mine], tokens)]
        return groups

    def _groups(self, lengths: Sequence[int], tokens: int) -> list[list[int]]:
        """Places of rows that run together: of like length, or of one where the model's own code pads wrongly."""
        if self.pads:
            return alike(lengths, tokens)
        of_one = [[place for place, other in enumerate(lengths) if other == length] for length in dict.fromkeys(lengths)]
        return [[places[at] for at in part] for places in of_one for part in alike([lengths[place] for place in places], tokens)]

    @cached_property
    def pads(self) -> bool:
        """Whether rows of unlike length may run together: tried once."""
        return pads_rightly(self.module, self.config.vocabulary, self.device)

    def _last_states(self, rows: Sequence[Sequence[int]], update: Update | None) -> Tensor:
        """(rows, width)"""
        found: dict[int, Tensor] = {}
        for places in alike([len(row) for row in rows], TOKENS_AT_ONCE):
            states = self.states(self._padded([rows[place] for place in places]), update)
            found |= {place: state[len(rows[place]) - 1] for place, state in zip(places, states, strict=True)}
        return torch.stack([found[place] for place in range(len(rows))])

    def _padded(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """On the right, where nothing sees it."""
        longest = max(map(len, rows))
        return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=self.device)
