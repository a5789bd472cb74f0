"""Rows of a batch that are attended together: what they keep, and what the next pass computes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from rung.engine.local.attention import KeyValues
from rung.engine.local.cache import Part, RowCache
from rung.engine.local.decoder import Decoder
from rung.engine.local.rows import Likely, Row
from rung.errors import UserError

# Padding, rows times tokens, that costs about as much as the calls of a block more.
PADDING_AT_MOST = 2048


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one step made of a row: its new tokens, the end token included.

    finish_reason  with the last of them: stop, length, or error
    error          why its constraint could not be held; the other rows go on
    likely         of each of the tokens, where that is asked for
    scores         of its choices, where it was scored among them
    """

    row: int
    tokens: tuple[int, ...]
    finish_reason: str = ""
    error: UserError | None = None
    likely: tuple[Likely, ...] = ()
    scores: tuple[float, ...] = ()

    @classmethod
    def of(cls, row: Row) -> Made:
        """What was made of a row since that was last asked."""
        tokens, likely = row.fresh()
        end = row.finish_reason
        return cls(row=row.number, tokens=tokens, finish_reason=end, error=row.error, likely=likely, scores=row.scores)


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a row keeps: its tokens, those of its prefix included, and their keys and values.

    ended  whether the row is about to leave
    """

    tokens: tuple[int, ...]
    shared: int
    cache: RowCache
    place: int
    ended: bool

    def taken(self, length: int) -> list[KeyValues]:
        """A copy, a layer each, of what is kept of the first tokens; at least of the prefix's."""
        return self.cache.taken(self.place, length - self.shared)


# Hears of a row whose prompt was read, and of one that is about to leave: what it was asked, all of its tokens that are computed,
# and what keeps them, which lies there until the call returns.
Kept = Callable[[int, Computed], None]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How rows are read and kept where somebody waits for each token.

    pass_tokens  of prompts that are read in one pass
    room         of an answer, so many tokens are made room for at once
    share        how much of a pass goes to each of the rows that are still read, by their numbers: (number, unread tokens) of each
    kept         hears of rows as they are read and as they leave
    """

    pass_tokens: int
    room: int
    share: Callable[[Sequence[tuple[int, int]], int], Mapping[int, int]]
    kept: Kept


class Block:
    """Rows that begin with one prefix, and what they keep. The first `read` of them have their prompt read."""

    def __init__(self, decoder: Decoder, rows: Sequence[Row], room: int | None) -> None:
        """room  so many tokens of an answer are made room for at once; None for all of it"""
        self.prefix, self.rows, self.read, self._room = rows[0].ask.prefix, list[Row](), 0, room
        self.cache = RowCache(decoder, 0, 1, self.prefix)
        self.join(rows)

    def has_room(self, rows: Sequence[Row], prefill_tokens: int) -> bool:
        """Whether these are better read in here than in a block of their own."""
        new = max(len(row.ask.own) for row in rows)
        unread = [*self.rows[self.read :], *rows]
        if rows[0].ask.prefix is not self.prefix or len(unread) * max(len(row.ask.own) for row in unread) > prefill_tokens:
            return False
        longest = max(max(length, len(row.ask.own)) for length, row in zip(self.cache.lengths, self.rows, strict=True))
        padded = len(self.rows) * (new - longest) if new > longest else len(rows) * (longest - new)
        return padded <= PADDING_AT_MOST

    def join(self, rows: Sequence[Row]) -> None:
        """What is known of them is in its place afterwards."""
        first = len(self.rows)
        self.rows += rows
        self.cache.add(len(rows), self._capacity(rows))
        for place, row in enumerate(rows, first):
            if row.ask.known and row.ask.begun:
                known, begun = row.ask.known, slice(row.ask.shared, row.ask.known.length)
                layers = known.prefix.layers
                self.cache.put(place, [KeyValues(one.keys[:, begun], one.values[:, begun]) for one in layers])
                row.read = row.ask.begun

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

    def part(self) -> None:
        """Rows whose prompt came to its end stand before those that are still read."""
        for place in range(self.read, len(self.rows)):
            if not self.rows[place].unread:
                self._swap(self.read, place)
                self.read += 1

    def sort_unread(self) -> None:
        """Of the rows that are still read, those that this pass reads stand first."""
        at = self.read
        for place in range(self.read, len(self.rows)):
            if self.rows[place].reads:
                self._swap(at, place)
                at += 1

    def work(self, first: int, end: int) -> Work:
        """The tokens that these rows are to compute next."""
        rows = self.rows[first:end]
        tokens = [row.next_tokens() for row in rows]
        lengths = self.cache.lengths[first:end]
        self.cache.reserve(max(length + len(own) for length, own in zip(lengths, tokens, strict=True)))
        return Work(rows=rows, part=Part(cache=self.cache, first=first, tokens=tokens, wanted=[row.states for row in rows]))

    def computed(self, place: int, *, ended: bool) -> Computed:
        """What is kept of a row."""
        row = self.rows[place]
        length, every = row.ask.shared + self.cache.lengths[place], [*row.ask.ids, *row.made]
        return Computed(tokens=tuple(every[:length]), shared=row.ask.shared, cache=self.cache, place=place, ended=ended)

    def _capacity(self, rows: Sequence[Row]) -> int:
        answer = max(row.ask.max_tokens for row in rows)
        return max(len(row.ask.own) for row in rows) + (answer if self._room is None else min(answer, self._room))

    def _move(self, row: int, place: int) -> None:
        if row != place:
            self.rows[place] = self.rows[row]
            self.cache.move(row, place)

    def _swap(self, row: int, other: int) -> None:
        if row != other:
            self.rows[row], self.rows[other] = self.rows[other], self.rows[row]
            self.cache.swap(row, other)


@dataclass(frozen=True, kw_only=True)
class Work:
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
