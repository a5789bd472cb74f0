"""Rows that are answered together, a token or more each at every step. They join at any step, and leave when they are finished.

Rows that begin with one prefix and are about as long share a block: one attention. All blocks are computed in one pass, so that a
step reads the weights once, whatever adapters its rows are answered with. Each row's answer is its own, whatever rows it came with.
Behind a row's next token a pass computes what the row's text says may follow (see `drafts.py`), and forgets what did not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate, count

import torch
from torch import Tensor

from rung.engine.constrain import Grammars
from rung.engine.local.batching import alike
from rung.engine.local.cache import Part, RowCache, extend_together
from rung.engine.local.decoder import Decoder
from rung.engine.local.drafts import Drafting
from rung.engine.local.mixed import Bank, Mixed
from rung.engine.local.rows import Ask, Row, pick
from rung.engine.local.update import Update
from rung.errors import UserError

# Padding, rows times tokens, that costs about as much as the calls of a block more.
PADDING_AT_MOST = 2048
# Scores over the vocabulary that are held at once: they bound memory.
LOGITS_AT_ONCE = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one step made of a row: its new tokens, the end token included.

    finish_reason  with the last of them: stop, length, or error
    error          why its constraint could not be held; the other rows go on
    """

    row: int
    tokens: tuple[int, ...]
    finish_reason: str = ""
    error: UserError | None = None


class Batch:
    """The rows of one decoder that are under way."""

    def __init__(
        self, decoder: Decoder, end_tokens: frozenset[int], grammars: Grammars | None = None, prefill_tokens: int = 4096
    ) -> None:
        """`grammars` is needed where an Ask has a constraint; `prefill_tokens` of prompts, padding counted, are read at once."""
        self._decoder, self._end_tokens, self._grammars = decoder, end_tokens, grammars
        self._prefill_tokens = prefill_tokens
        self._numbers, self._bank, self._drafting = count(), Bank(decoder.device), Drafting()
        self._blocks: list[_Block] = []
        self._answered: list[Row] = []

    def __len__(self) -> int:
        """Rows that a step still has something to say of."""
        return sum(len(block.rows) for block in self._blocks) + len(self._answered)

    @torch.inference_mode()
    def add(self, asks: Sequence[Ask]) -> list[int]:
        """Let rows join; their numbers. They are read in the next step, those of like lengths together."""
        rows = [Row(number=next(self._numbers), ask=ask, end_tokens=self._end_tokens) for ask in asks]
        self._answered += [row for row in rows if row.finish_reason]
        going, before = [row for row in rows if not row.finish_reason], list(self._blocks)
        for prefix in {id(row.ask.prefix): row.ask.prefix for row in going}.values():
            behind = [row for row in going if row.ask.prefix is prefix]
            for group in alike([len(row.ask.own) for row in behind], self._prefill_tokens):
                members = [behind[index] for index in group]
                block = next((block for block in before if block.has_room(members, self._prefill_tokens)), None)
                if block:
                    block.join(members)
                else:
                    self._blocks.append(_Block(self._decoder, members))
        return [row.number for row in rows]

    @torch.inference_mode()
    def remove(self, rows: Iterable[int]) -> None:
        """Let rows go, finished or not: nothing more is computed or said of them."""
        gone = set(rows)
        self._answered = [row for row in self._answered if row.number not in gone]
        self._leave(gone)

    @torch.inference_mode()
    def step(self) -> list[Made]:
        """One token or more for each row, in the order in which they joined. Rows that are finished have left afterwards."""
        passes = self._passes()
        works = [work for together in passes for work in together]
        rows = [row for work in works for row in work.rows]
        if rows:
            hidden = [extend_together([work.part for work in together], self._update(together)) for together in passes]
            self._choose(rows, torch.cat(hidden))
        for work in works:
            work.forget()
        for row in rows:
            self._drafting.see(row.draft, row.computed)
        for block in self._blocks:
            block.read = len(block.rows)
        said = sorted((*rows, *self._answered), key=lambda row: row.number)
        self._answered = []
        self._leave({row.number for row in rows if row.finish_reason})
        return [Made(row=row.number, tokens=row.fresh(), finish_reason=row.finish_reason, error=row.error) for row in said]

    def _choose(self, rows: Sequence[Row], hidden: Tensor) -> None:
        """Each row's next token, and the next again as far as its draft comes true. hidden (states, width), in the rows' order."""
        starts = [0, *accumulate(row.states for row in rows)]
        width = max(1, LOGITS_AT_ONCE // len(self._decoder.head.weight))
        first = 0
        while first < len(rows):
            end = max(first + 1, bisect_right(starts, starts[first] + width) - 1)
            some, states = rows[first:end], hidden[starts[first] : starts[end]]
            logits = self._logits([row for row in some for _ in range(row.states)], states)
            self._follow(dict(zip(some, (start - starts[first] for start in starts[first:end]), strict=True)), logits)
            first = end

    def _follow(self, starts: Mapping[Row, int], logits: Tensor) -> None:
        """Of each row, where its states begin."""
        going = list(starts)
        while going:
            places = [starts[row] + row.computed for row in going]
            scores = logits if len(places) == len(logits) else logits[torch.tensor(places, device=logits.device)]
            if self._grammars:
                self._grammars.mask(scores, [row.ask.constraint for row in going])
            tokens = pick(scores, going)
            going = [row for row, token in zip(going, tokens, strict=True) if row.goes_on(token)]

    def _passes(self) -> list[list[_Work]]:
        """All rows that go on in one pass. Prompts are read in passes of their own, but where they fit into that one."""
        read = [row for block in self._blocks for row in block.rows[: block.read]]
        self._drafting.begin(len(read))
        for row in read:
            row.prepare(self._drafting)
        going = [block.work(0, block.read) for block in self._blocks if block.read]
        passes = [going] if going else []
        for block in self._blocks:
            if block.read == len(block.rows):
                continue
            work = block.work(block.read, len(block.rows))
            if going and sum(other.size for other in going) + work.size <= self._prefill_tokens:
                going.append(work)
            else:
                passes.append([work])
        return passes

    def _update(self, works: Sequence[_Work]) -> Update | None:
        """What the pass's adapters add: one stack's own update where all rows are of it."""
        stacks = [row.ask.stack for work in works for row in work.rows]
        if len({stack.key for stack in stacks}) == 1:
            return stacks[0].update
        sizes = [len(tokens) for work in works for tokens in work.part.tokens]
        self._bank.hold([row.ask.stack for block in self._blocks for row in block.rows])
        return Mixed.over(stacks, sizes, self._bank)

    def _logits(self, rows: Sequence[Row], hidden: Tensor) -> Tensor:
        """Each row's, by the head as its own adapters make it; most leave it as it is."""
        stacks = {row.ask.stack.key: row.ask.stack for row in rows}
        if len(stacks) == 1:
            return self._decoder.logits(hidden, rows[0].ask.stack.update)
        logits, weight = self._decoder.logits(hidden), self._decoder.head.weight
        for key, stack in stacks.items():
            if stack.update and stack.update.head(weight) is not weight:
                own = torch.tensor([place for place, row in enumerate(rows) if row.ask.stack.key == key], device=hidden.device)
                logits[own] = self._decoder.logits(hidden[own], stack.update)
        return logits

    def _leave(self, numbers: Set[int]) -> None:
        for block in self._blocks:
            block.leave(numbers)
        self._blocks = [block for block in self._blocks if block.rows]


class _Block:
    """Rows that begin with one prefix, and what they keep. The first `read` of them have their prompt read."""

    def __init__(self, decoder: Decoder, rows: Sequence[Row]) -> None:
        self.prefix, self.rows, self.read = rows[0].ask.prefix, list(rows), 0
        self.cache = RowCache(decoder, len(rows), _capacity(rows), self.prefix)

    def has_room(self, rows: Sequence[Row], prefill_tokens: int) -> bool:
        """Whether these are better read in here than in a block of their own."""
        new = max(len(row.ask.own) for row in rows)
        unread = [*self.rows[self.read :], *rows]
        if rows[0].ask.prefix is not self.prefix or len(unread) * max(len(row.ask.own) for row in unread) > prefill_tokens:
            return False
        longest = max(length or len(row.ask.own) for length, row in zip(self.cache.lengths, self.rows, strict=True))
        padded = len(self.rows) * (new - longest) if new > longest else len(rows) * (longest - new)
        return padded <= PADDING_AT_MOST

    def join(self, rows: Sequence[Row]) -> None:
        self.rows += rows
        self.cache.add(len(rows), _capacity(rows))

    def leave(self, numbers: Set[int]) -> None:
        """The last row takes the place of one that leaves; of those whose prompt is read, the last of these."""
        for place in reversed(range(len(self.rows))):
            if self.rows[place].number in numbers:
                hole = place
                if place < self.read:
                    self.read -= 1
                    self._move(self.read, place)
                    hole = self.read
                self._move(len(self.rows) - 1, hole)
                self.rows.pop()
                self.cache.pop()

    def work(self, first: int, end: int) -> _Work:
        """The tokens that these rows are to compute next."""
        rows = self.rows[first:end]
        before = [[] if first < self.read else row.ask.own for row in rows]
        tokens = [[*some, *row.pending, *row.draft.tokens] for some, row in zip(before, rows, strict=True)]
        return _Work(rows=rows, part=Part(cache=self.cache, first=first, tokens=tokens, wanted=[row.states for row in rows]))

    def _move(self, row: int, place: int) -> None:
        if row != place:
            self.rows[place] = self.rows[row]
            self.cache.move(row, place)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """Neighbouring rows of a block, and what a pass computes of them."""

    rows: Sequence[Row]
    part: Part

    @property
    def size(self) -> int:
        return sum(map(len, self.part.tokens))

    def forget(self) -> None:
        """What was drafted and did not come true."""
        for place, row in enumerate(self.rows, self.part.first):
            self.part.cache.forget(place, len(row.draft.tokens) - row.computed)


def _capacity(rows: Sequence[Row]) -> int:
    return max(len(row.ask.own) for row in rows) + max(row.ask.max_tokens for row in rows)
