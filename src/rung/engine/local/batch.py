"""Rows that are answered together, a token or more each at every step. They join at any step, and leave when they are finished.

Rows that begin with one prefix and are about as long share a block: one attention. All blocks are computed in one pass, so that a
step reads the weights once, whatever adapters its rows are answered with. Each row's answer is its own, whatever rows it came with.
Behind a row's next token a pass computes what the row's text says may follow (see `drafts.py`), and forgets what did not.
Where somebody waits for each token, prompts are read in parts, a few tokens of them in each pass (Agrawal et al., Sarathi, arXiv
2308.16369), and a prompt's beginning that was kept is not read again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import partial
from itertools import accumulate, count

import torch
from torch import Tensor

from rung.engine.constrain import Grammars
from rung.engine.local.adapters import BASE, Stack
from rung.engine.local.bank import Bank
from rung.engine.local.batching import alike
from rung.engine.local.block import Block, Computed, Made, Pace, Work
from rung.engine.local.cache import extend_together
from rung.engine.local.choose import Choices, Tree, scored
from rung.engine.local.decoder import Decoder
from rung.engine.local.drafts import Drafting
from rung.engine.local.mixed import Mixed
from rung.engine.local.rows import Ask, Row, pick
from rung.engine.local.update import Update

# Scores over the vocabulary that are held at once: they bound memory.
LOGITS_AT_ONCE = 1 << 24


class Batch:
    """The rows of one decoder that are under way."""

    def __init__(
        self,
        decoder: Decoder,
        end_tokens: frozenset[int],
        grammars: Grammars | None = None,
        prefill_tokens: int = 4096,
        pace: Pace | None = None,
    ) -> None:
        """`grammars` is needed where an Ask has a constraint; `prefill_tokens` of prompts, padding counted, are read at once, whole
        where no `pace` says otherwise."""
        self._decoder, self._end_tokens, self._grammars = decoder, end_tokens, grammars
        self._prefill_tokens, self._pace = prefill_tokens, pace
        self._numbers, self._bank, self._drafting = count(), Bank(decoder.device), Drafting()
        self._blocks: list[Block] = []
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
                    self._blocks.append(Block(self._decoder, members, self._pace.room if self._pace else None))
        return [row.number for row in rows]

    @torch.inference_mode()
    def remove(self, rows: Iterable[int]) -> None:
        """Let rows go, finished or not: nothing more is computed or said of them."""
        gone = set(rows)
        self._answered = [row for row in self._answered if row.number not in gone]
        for block in self._blocks if self._pace else ():
            for place, row in enumerate(block.rows[: block.read]):
                if self._pace and row.number in gone:
                    self._pace.kept(row.number, block.computed(place, ended=True))
        self._leave(gone)

    def computed(self, number: int) -> Computed | None:
        """What is kept of a row that is under way; None where it is not."""
        where = ((block, place) for block in self._blocks for place, row in enumerate(block.rows) if row.number == number)
        return next((block.computed(place, ended=False) for block, place in where), None)

    @torch.inference_mode()
    def step(self) -> list[Made]:
        """One token or more for each row, in the order in which they joined. Rows that are finished have left afterwards."""
        passes = self._passes()
        works = [work for together in passes for work in together]
        if works:
            hidden = [extend_together([work.part for work in together], self._update(together)) for together in passes]
            self._choose([row for work in works for row in work.rows if row.states], torch.cat(hidden))
        for work in works:
            work.forget()
        self._settle()
        said = sorted((*(row for work in works for row in work.rows), *self._answered), key=lambda row: row.number)
        self._answered = []
        made = [Made.of(row) for row in said if row.unread == 0 or row.finish_reason]
        self._leave({row.number for row in said if row.finish_reason})
        return made

    def _settle(self) -> None:
        """What the pass computed counts as read; who listens hears of rows that came to the end of their prompt, or of all."""
        for block in self._blocks:
            for place, row in enumerate(block.rows):
                came = row.reads and row.reads == row.unread
                row.read, row.reads = row.read + row.reads, 0
                self._drafting.see(row.draft, row.computed)
                if self._pace and (came or row.finish_reason):
                    self._pace.kept(row.number, block.computed(place, ended=bool(row.finish_reason)))
            block.part()

    def _choose(self, rows: Sequence[Row], hidden: Tensor) -> None:
        """Each row's next token, and the next again as far as its draft comes true. hidden (states, width), in the rows' order."""
        if any(row.ask.among for row in rows):
            rows, hidden = self._score(rows, hidden)
        starts = [0, *accumulate(row.states for row in rows)]
        width = max(1, LOGITS_AT_ONCE // len(self._decoder.head.weight))
        first = 0
        while first < len(rows):
            end = max(first + 1, bisect_right(starts, starts[first] + width) - 1)
            some, states = rows[first:end], hidden[starts[first] : starts[end]]
            logits = self._logits([row for row in some for _ in range(row.states)], states)
            self._follow(dict(zip(some, (start - starts[first] for start in starts[first:end]), strict=True)), logits)
            first = end

    def _score(self, rows: Sequence[Row], hidden: Tensor) -> tuple[Sequence[Row], Tensor]:
        """Which of their choices the rows are that have some, each by its one state; (the others, their states)."""
        starts = [0, *accumulate(row.states for row in rows)]
        groups: dict[tuple[Choices, Stack], list[int]] = {}
        for place, row in enumerate(rows):
            if choices := row.ask.among:
                # Those that take a second pass, or a head of their own, are scored under one stack's update.
                stack = BASE if choices.distinct and row.ask.stack.low else row.ask.stack
                groups.setdefault((choices, stack), []).append(place)
        for (choices, stack), places in groups.items():
            some = [rows[place] for place in places]
            last = hidden[torch.tensor([starts[place] for place in places], device=hidden.device)]
            found = scored(self._decoder.head_under(stack.update), last, choices, partial(self._nodes, some))
            for row, scores in zip(some, found.tolist(), strict=True):
                row.see(scores)
        others = [place for place, row in enumerate(rows) if not row.ask.among]
        kept = [at for place in others for at in range(starts[place], starts[place + 1])]
        return [rows[place] for place in others], hidden[torch.tensor(kept, dtype=torch.int64, device=hidden.device)]

    def _nodes(self, rows: Sequence[Row], tree: Tree) -> Tensor:
        """Hidden states of a tree's nodes behind each of the rows, (rows, nodes, width)."""
        where = {row: (block, place) for block in self._blocks for place, row in enumerate(block.rows)}
        found = []
        for row in rows:
            block, place = where[row]
            found.append(block.cache.alone(place).branch(tree.tokens, tree.parents, row.ask.stack.update))
        return torch.cat(found)

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

    def _passes(self) -> list[list[Work]]:
        """All rows that go on in one pass. Prompts are read in passes of their own, but where they fit into that one."""
        read = [row for block in self._blocks for row in block.rows[: block.read]]
        self._drafting.begin(len(read))
        for row in read:
            row.prepare(self._drafting)
        self._share()
        going = [block.work(0, block.read) for block in self._blocks if block.read]
        passes = [going] if going else []
        for block in self._blocks:
            end = next((place for place in range(block.read, len(block.rows)) if not block.rows[place].reads), len(block.rows))
            if block.read == end:
                continue
            work = block.work(block.read, end)
            if self._pace or (going and sum(other.size for other in going) + work.size <= self._prefill_tokens):
                going.append(work)
                passes = passes or [going]
            else:
                passes.append([work])
        return passes

    def _share(self) -> None:
        """How much of each prompt is read now: all of it, but where others wait for their next token."""
        unread = [(block, row) for block in self._blocks for row in block.rows[block.read :]]
        if not self._pace:
            for _, row in unread:
                row.reads = row.unread
            return
        shares = self._pace.share([(row.number, row.unread) for _, row in unread], self._pace.pass_tokens)
        for _, row in unread:
            row.reads = min(row.unread, shares.get(row.number, 0))
        for block in self._blocks:
            block.sort_unread()

    def _update(self, works: Sequence[Work]) -> Update | None:
        """What the pass's adapters add: one stack's own update where all rows are of it."""
        stacks = [row.ask.stack for work in works for row in work.rows]
        if len({stack.key for stack in stacks}) == 1 and (stacks[0].is_plain or not stacks[0].low):
            return stacks[0].update
        sizes = [len(tokens) for work in works for tokens in work.part.tokens]
        self._bank.hold([row.ask.stack for block in self._blocks for row in block.rows])
        return Mixed.over(stacks, sizes, self._bank)

    def _logits(self, rows: Sequence[Row], hidden: Tensor) -> Tensor:
        """Each row's, by the head as its own adapters make it; most leave it as it is."""
        stacks = {row.ask.stack.key: row.ask.stack for row in rows}
        if all(stack.low or not stack.parts for stack in stacks.values()):
            return self._decoder.logits(hidden)
        if len(stacks) == 1:
            return self._decoder.logits(hidden, rows[0].ask.stack.update)
        logits, weight = self._decoder.logits(hidden), self._decoder.head.weight
        for key, stack in stacks.items():
            if not stack.low and stack.update and stack.update.head(weight) is not weight:
                own = torch.tensor([place for place, row in enumerate(rows) if row.ask.stack.key == key], device=hidden.device)
                logits[own] = self._decoder.logits(hidden[own], stack.update)
        return logits

    def _leave(self, numbers: Set[int]) -> None:
        for block in self._blocks:
            block.leave(numbers)
        self._blocks = [block for block in self._blocks if block.rows]
