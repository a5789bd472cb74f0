"""One answer in the making: what is asked, what was chosen so far, how the next token is chosen, and what it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from rung.engine.constrain import Constraint
from rung.engine.local.adapters import BASE, Stack
from rung.engine.local.batching import common_length
from rung.engine.local.devices import has_float64
from rung.engine.local.drafts import LONGEST_RUN, NONE, Draft, Drafting, Text, kind_of
from rung.engine.local.prefix import Prefix
from rung.errors import UserError

# Forced tokens computed in one pass: long runs, in one row, would pad the attention of all others.
FORCED_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One prompt and how to continue it.

    ids     the whole prompt, the prefix's tokens included
    prefix  what the prompt begins with, computed under the same stack of adapters; None computes all of it
    never   (n,) ids that are not chosen, whatever their score
    """

    ids: Sequence[int]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    constraint: Constraint | None = None
    prefix: Prefix | None = None
    stack: Stack = BASE
    never: Tensor | None = None

    def __post_init__(self) -> None:
        if self.prefix and self.prefix.stack != self.stack.key:
            raise ValueError("a prefix is of use under its own adapters alone")

    @property
    def own(self) -> Sequence[int]:
        """The tokens behind the prefix."""
        return self.ids[len(self.prefix.tokens) if self.prefix else 0 :]


@dataclass(kw_only=True, eq=False)
class Row:
    """`made` are all tokens chosen, `pending` those that no pass has computed yet; `finish_reason` is empty while it goes on.

    draft     what is computed behind `pending` in case it comes true
    computed  so many of its tokens did
    """

    number: int
    ask: Ask
    end_tokens: frozenset[int]
    made: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    draft: Draft = NONE
    computed: int = 0
    finish_reason: str = ""
    error: UserError | None = None

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.ask.seed)
        drawn = self.ask.max_tokens if self.ask.temperature > 0 else 0
        self._uniforms = torch.rand(drawn, generator=generator, dtype=torch.float64)
        self._told = 0
        self._add([])

    @property
    def states(self) -> int:
        """Of how many of its last tokens a pass tells what follows."""
        return 1 + len(self.draft.tokens)

    @cached_property
    def _text(self) -> Text:
        return Text(self.ask.own)

    def prepare(self, drafting: Drafting) -> None:
        """Draft what may follow, for the pass that has begun."""
        before, came = self.draft, self.computed
        self.draft, self.computed = NONE, 0
        room = self.ask.max_tokens - len(self.made) - 1
        if room < 1 or not self.made:
            return
        self._text.extend(self.made[len(self._text.tokens) - len(self.ask.own) :])
        tail = self._text.tokens[-LONGEST_RUN:]
        texts = [self._text, self.ask.prefix.text] if self.ask.prefix else [self._text]
        run, place, text = max(((*text.find(tail), text) for text in texts), key=lambda found: found[0])
        if not run:
            return
        goes_on = text is before.text and place == before.end + 1 and came == len(before.tokens)
        kind = kind_of(run, shared=text is not self._text, goes_on=goes_on)
        if length := min(room, drafting.length(kind)):
            said = self._sayable(text.behind(place, length))
            self.draft = Draft(tokens=said, kind=kind, text=text, end=place + len(said))

    def _sayable(self, tokens: list[int]) -> tuple[int, ...]:
        """Up to what ends an answer, or what its constraint forbids."""
        end = next((place for place, token in enumerate(tokens) if token in self.end_tokens), len(tokens))
        constraint = self.ask.constraint
        return tuple(tokens[: constraint.allowed(tokens[:end]) if constraint else end])

    def goes_on(self, token: int) -> bool:
        """Add the chosen token, as `take`; whether the pass that chose it has computed it too, so that it tells the next one."""
        self.take(token)
        if self.finish_reason:
            return False
        drafted = self.draft.tokens[self.computed :]
        alike = common_length((self.pending, drafted))
        self.computed += alike
        self.pending = self.pending[alike:]
        return not self.pending

    def take(self, token: int) -> None:
        """Add the chosen token, and those that its constraint forces after it."""
        if token in self.end_tokens:
            self.made.append(token)
            self.finish_reason = "stop"
            return
        try:
            if self.ask.constraint:
                self.ask.constraint.take(token)
            self._add([token])
        except UserError as error:
            self.finish_reason, self.error = "error", error

    def fresh(self) -> tuple[int, ...]:
        """The tokens made since this was last asked."""
        fresh = tuple(self.made[self._told :])
        self._told = len(self.made)
        return fresh

    def draw(self, logits: Tensor) -> int:
        """From the smallest set of likeliest tokens that holds `top_p` of the probability (Holtzman et al., arXiv 1904.09751)."""
        logits = logits if has_float64(logits.device) else logits.cpu()
        probabilities, tokens = torch.softmax(logits.double() / self.ask.temperature, dim=-1).sort(descending=True, stable=True)
        reached = probabilities.cumsum(0)
        kept = int((reached - probabilities < self.ask.top_p).sum())
        target = self._uniforms[len(self.made)].to(reached.device) * reached[kept - 1]
        place = int(torch.searchsorted(reached[:kept], target, right=True))
        return int(tokens[min(place, kept - 1)])

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


def pick(logits: Tensor, rows: Sequence[Row]) -> list[int]:
    """The next token of each row: the most likely, or one drawn by the row's own random numbers. logits (rows, vocabulary)."""
    never = rows[0].ask.never if rows else None
    if never is not None:
        logits = logits.index_fill(1, never, float("-inf"))
    chosen: list[int] = logits.argmax(-1).tolist()
    for index, row in enumerate(rows):
        if row.ask.temperature > 0:
            chosen[index] = row.draw(logits[index])
    return chosen
