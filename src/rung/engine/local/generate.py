"""Answers token by token, greedy or sampled, many rows at a time; each row's answer is its own, whatever rows it came with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from rung.engine.chat import stop_tokens
from rung.engine.constrain import Constraint, Grammars
from rung.engine.local.batching import alike
from rung.engine.local.cache import RowCache, extend_together
from rung.engine.local.decoder import Decoder
from rung.engine.local.model import LocalModel
from rung.engine.local.prefix import Prefix
from rung.engine.local.update import Update

# Forced tokens computed in one pass: long runs, in one row, would pad the attention of all others.
FORCED_AT_ONCE = 16
# Finished rows leave the batch once this share of it is finished: each leaving copies the keys and values of those that stay.
FINISHED_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One prompt and how to continue it. `ids` is the whole prompt, any shared prefix included."""

    ids: Sequence[int]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    constraint: Constraint | None = None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """`ids` are the tokens made, the end token included; `finish_reason` is stop or length."""

    ids: list[int]
    finish_reason: str


@dataclass(kw_only=True)
class _Row:
    """One answer in the making. `pending` tokens were chosen, and are not yet in the cache."""

    index: int
    ask: Ask
    end_tokens: frozenset[int]
    made: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    finish_reason: str = ""

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.ask.seed)
        drawn = self.ask.max_tokens if self.ask.temperature > 0 else 0
        self.uniforms = torch.rand(drawn, generator=generator, dtype=torch.float64)
        self._add([])

    def take(self, token: int) -> None:
        """Add the chosen token, and those that its constraint forces after it."""
        if token in self.end_tokens:
            self.made.append(token)
            self.pending = [token]
            self.finish_reason = "stop"
            return
        if self.ask.constraint:
            self.ask.constraint.take(token)
        self._add([token])

    def _add(self, tokens: list[int]) -> None:
        constraint = self.ask.constraint
        if constraint:
            room = min(FORCED_AT_ONCE, self.ask.max_tokens - len(self.made)) - len(tokens)
            tokens = tokens + constraint.forced(room)
        self.made += tokens
        self.pending = tokens
        if constraint and constraint.complete:
            self.finish_reason = "stop"
        elif len(self.made) >= self.ask.max_tokens:
            self.finish_reason = "length"


def generate(
    decoder: Decoder, asks: Sequence[Ask], end_tokens: frozenset[int], grammars: Grammars | None, start: Start
) -> list[Completion]:
    """One Completion for each Ask, in order. `grammars` is needed where an Ask has a constraint.

    Prompts of like lengths are read and kept together, and all rows are continued together: every step reads the weights once.
    """
    everyone = [_Row(index=index, ask=ask, end_tokens=end_tokens) for index, ask in enumerate(asks)]
    skip = len(start.prefix.tokens) if start.prefix else 0
    lengths = [len(ask.ids) - skip for ask in asks]
    blocks = [_Block(decoder, [everyone[index] for index in group], start) for group in alike(lengths, start.prefill_tokens)]
    hidden = torch.cat([block.cache.extend([[*row.ask.ids[skip:], *row.pending] for row in block.rows]) for block in blocks])
    while True:
        rows = [row for block in blocks for row in block.rows]
        if all(row.finish_reason for row in rows):
            return [Completion(ids=row.made, finish_reason=row.finish_reason) for row in everyone]
        logits = decoder.logits(hidden)
        if grammars:
            grammars.mask(logits, [None if row.finish_reason else row.ask.constraint for row in rows])
        for row, token in zip(rows, _pick(logits, rows), strict=True):
            if not row.finish_reason:
                row.take(token)
        blocks = [block for block in blocks if block.keep_going()]
        if blocks:
            hidden = extend_together([block.cache for block in blocks], [block.pending() for block in blocks])


class _Block:
    """Rows whose prompts are about equally long, and what they keep."""

    def __init__(self, decoder: Decoder, rows: list[_Row], start: Start) -> None:
        self.rows = rows
        skip = len(start.prefix.tokens) if start.prefix else 0
        capacity = max(len(row.ask.ids) - skip for row in rows) + max(row.ask.max_tokens for row in rows) + FORCED_AT_ONCE
        self.cache = RowCache(decoder, len(rows), capacity, start.prefix, start.update)

    def keep_going(self) -> bool:
        """Whether any row is unfinished. Finished ones leave once they are many."""
        going = [index for index, row in enumerate(self.rows) if not row.finish_reason]
        if going and len(self.rows) - len(going) >= FINISHED_SHARE * len(self.rows):
            self.cache.keep(going)
            self.rows = [self.rows[index] for index in going]
        return bool(going)

    def pending(self) -> list[list[int]]:
        """The tokens to compute next; of a finished row any one."""
        return [row.pending[-1:] if row.finish_reason else row.pending for row in self.rows]


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a batch starts from: a prefix that all its prompts begin with, and an adapter's update; either may be None.

    `prefill_tokens` are the most prompt tokens, padding counted, that are read in one pass.
    """

    prefix: Prefix | None = None
    update: Update | None = None
    prefill_tokens: int = 4096


def end_tokens(model: LocalModel) -> frozenset[int]:
    """Every id that ends an answer: of the chat template's turn, the tokenizer, and the model's own generation settings."""
    return frozenset(stop_tokens(model.tokenizer)) | _configured_ends(model.folder)


def _configured_ends(folder: Path) -> frozenset[int]:
    ends: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            found = json.loads((folder / name).read_text("utf-8")).get("eos_token_id")
            ends |= {found} if isinstance(found, int) else set(found or ())
    return frozenset(ends)


def _pick(logits: Tensor, rows: Sequence[_Row]) -> list[int]:
    """The next token of each row: the most likely, or one drawn by the row's own random numbers."""
    chosen = logits.argmax(-1).tolist()
    for index, row in enumerate(rows):
        if row.ask.temperature > 0 and not row.finish_reason:
            chosen[index] = _draw(logits[index], row)
    return chosen


def _draw(logits: Tensor, row: _Row) -> int:
    """From the smallest set of likeliest tokens that holds `top_p` of the probability (Holtzman et al., arXiv 1904.09751)."""
    probabilities, tokens = torch.softmax(logits.double() / row.ask.temperature, dim=-1).sort(descending=True, stable=True)
    reached = probabilities.cumsum(0)
    kept = int((reached - probabilities < row.ask.top_p).sum())
    target = row.uniforms[len(row.made)].to(reached.device) * reached[kept - 1]
    place = int(torch.searchsorted(reached[:kept], target, right=True))
    return int(tokens[min(place, kept - 1)])
