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
from rung.engine.local.choose import Choices
from rung.engine.local.devices import has_float64
from rung.engine.local.drafts import LONGEST_RUN, NONE, Draft, Drafting, Text, kind_of
from rung.engine.local.prefix import Prefix
from rung.errors import UserError

# Forced tokens computed in one pass: long runs, in one row, would pad the attention of all others.
FORCED_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a prompt begins with, and whose keys and values were kept: the first `length` tokens of `prefix`, which was computed
    under the row's own adapters."""

    prefix: Prefix
    length: int


@dataclass(frozen=True, kw_only=True)
class Likely:
    """How likely a token was where it was chosen, natural logarithms, and the likeliest tokens there. A grammar that forbids the
    others makes a token certain."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One prompt and how to continue it.

    ids     the whole prompt, the prefix's tokens included
    prefix  what the prompt begins with, computed under the same stack of adapters, and shared with other rows; None for nothing
    known   what it begins with, to be copied for this row alone; it reaches further than the prefix
    never   (n,) ids that are not chosen, whatever their score
    told    so many of the likeliest tokens are told at each place, beside the chosen one; None tells nothing of it
    among   it is scored which of these it is, and nothing is made
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
    known: Known | None = None
    told: int | None = None
    among: Choices | None = None

    def __post_init__(self) -> None:
        of = [self.prefix, self.known.prefix if self.known else None]
        if any(prefix and prefix.stack != self.stack.key for prefix in of):
            raise ValueError("a prefix is of use under its own adapters alone")

    @property
    def own(self) -> Sequence[int]:
        """The tokens behind the prefix."""
        return self.ids[self.shared :]

    @property
    def shared(self) -> int:
        """Tokens of the prefix."""
        return len(self.prefix.tokens) if self.prefix else 0

    @property
    def begun(self) -> int:
        """Of its own tokens, so many are known."""
        return max(0, self.known.length - self.shared) if self.known else 0


@dataclass(kw_only=True, eq=False)
class Row:
    """`made` are all tokens chosen, `pending` those that no pass has computed yet; `finish_reason` is empty while it goes on.

    draft     what is computed behind `pending` in case it comes true
    computed  so many of its tokens did
    read      of its own prompt's tokens, so many are computed
    reads     so many more are in the pass that is under way
    likely    of each token made, where that is asked for
    scores    of each of the choices, where it is scored among them: log-probabilities that sum to one in probability
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
    read: int = 0
    reads: int = 0
    likely: list[Likely] = field(default_factory=list)
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.ask.seed)
        drawn = self.ask.max_tokens if self.ask.temperature > 0 else 0
        self._uniforms = torch.rand(drawn, generator=generator, dtype=torch.float64)
        self._told = 0
        self._add([])

    @property
    def unread(self) -> int:
        """Of its own prompt's tokens, those that no pass has computed."""
        return len(self.ask.own) - self.read

    @property
    def states(self) -> int:
        """Of how many of its last tokens a pass tells what follows; none where its prompt goes on behind the pass."""
        return 1 + len(self.draft.tokens) if self.unread == self.reads else 0

    def next_tokens(self) -> list[int]:
        """What the pass under way computes of it."""
        part = list(self.ask.own[self.read : self.read + self.reads])
        return [*part, *self.pending, *self.draft.tokens] if self.unread == self.reads else part

    def see(self, scores: Sequence[float]) -> None:
        """Which of its choices it is, as likely as these say: there is nothing more to do."""
        self.scores, self.finish_reason = tuple(scores), "stop"

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

    def fresh(self) -> tuple[tuple[int, ...], tuple[Likely, ...]]:
        """The tokens made since this was last asked, and how likely each was, where that is told."""
        tokens, likely = tuple(self.made[self._told :]), tuple(self.likely[self._told :])
        self._told = len(self.made)
        return tokens, likely

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
            forced = constraint.forced(room)
            tokens = tokens + forced
            if self.ask.told is not None:
                self.likely += [Likely(token=token, logprob=0.0, top=((token, 0.0),)[: self.ask.told]) for token in forced]
        self.made += tokens
        self.pending = tokens
        if constraint and constraint.complete:
            self.finish_reason = "stop"
        elif len(self.made) >= self.ask.max_tokens:
            self.finish_reason = "length"


def pick(logits: Tensor, rows: Sequence[Row]) -> list[int]:
    """The next token of each row: the most likely, or one drawn by the row's own random numbers. logits (rows, vocabulary).

    Rows that tell how likely their tokens are hear it here.
    """
    never = rows[0].ask.never if rows else None
    if never is not None:
        logits = logits.index_fill(1, never, float("-inf"))
    chosen: list[int] = logits.argmax(-1).tolist()
    for index, row in enumerate(rows):
        if row.ask.temperature > 0:
            chosen[index] = row.draw(logits[index])
        if row.ask.told is not None:
            row.likely.append(_likely(logits[index], chosen[index], row.ask.told))
    return chosen


def _likely(logits: Tensor, token: int, told: int) -> Likely:
    logs = torch.log_softmax(logits.float(), dim=-1)
    values, tokens = logs.topk(min(told, len(logs)))
    top = [(at, value) for at, value in zip(tokens.tolist(), values.tolist(), strict=True) if value > float("-inf")]
    return Likely(token=token, logprob=float(logs[token]), top=tuple(top))
