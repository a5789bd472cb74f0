"""What a row may say next, as far as its own text tells: answers that copy are drafted from what they copy.

The tokens that last followed the longest run which ends as the row does now (Saxena, "Prompt Lookup Decoding", 2023) are computed
in one pass with the row's next token, and kept as far as the model itself says the same (Leviathan et al., arXiv 2211.17192, for a
draft that is certain): a draft changes how many passes an answer takes, not the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The longest run that is compared, and places of a text that are compared with it, the last ones.
LONGEST_RUN, PLACES_COMPARED = 6, 12
# Tokens drafted at once for one row: a long copy pays its passes back long before.
DRAFTED_AT_ONCE = 16
# What one token more in a pass costs, as a share of what a row's step costs: with few rows a pass reads the weights for them alone.
# Measured on a 135M base, in bfloat16 and in float32 with AVX2: 0.05 to 0.09 for one row, 0.2 to 0.4 for 16, about half for many.
LEAST_COST, COST_OF_MANY, HALF_OF_THAT = 0.05, 0.6, 12
# How often drafts come true before any is tried, and what that counts against what is seen: behind a run of so many tokens in the
# row's own text, in the prefix, where the last draft came true to its end, and behind a token that did.
IN_OWN, IN_PREFIX, GOING_ON, NEXT_RIGHT, WEIGHT = 0.5, 0.4, 0.85, 0.85, 4.0
# Drafts of a kind in one pass, beside as many as were tried before: all rows of a batch may be wrong alike.
UNTRIED_AT_MOST = 4


class Text:
    """Tokens that grow at the end, and where each of them stands."""

    def __init__(self, tokens: Sequence[int] = ()) -> None:
        self.tokens: list[int] = []
        self._places: dict[int, list[int]] = {}
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        for place, token in enumerate(tokens, len(self.tokens)):
            self._places.setdefault(token, []).append(place)
        self.tokens += tokens

    def find(self, tail: Sequence[int]) -> tuple[int, int]:
        """(tokens that the text and `tail` end alike, the place behind them): of the longest such run, the last one. Its place has
        a token; (0, 0) where there is none.
        """
        best = (0, 0)
        for place in reversed(self._places.get(tail[-1], ())[-PLACES_COMPARED - 1 :]):
            if place + 1 < len(self.tokens):
                run = 1
                while run < min(len(tail), place + 1) and self.tokens[place - run] == tail[-1 - run]:
                    run += 1
                if run > best[0]:
                    best = (run, place + 1)
        return best

    def behind(self, place: int, length: int) -> list[int]:
        """So many tokens from a place on; at the end, as if what follows that place came again."""
        period = len(self.tokens) - place
        return [self.tokens[place + offset % period] for offset in range(length)]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Tokens that may follow, why they may, and the text and place behind those that were copied."""

    tokens: tuple[int, ...] = ()
    kind: int = 0
    text: Text | None = None
    end: int = 0


NONE = Draft()


def kind_of(run: int, *, shared: bool, goes_on: bool) -> int:
    """Drafts whose chances are alike: behind runs of one length, in a text of the row's own or in a prefix; or going on."""
    return 0 if goes_on else run + (LONGEST_RUN if shared else 0)


@dataclass
class _Rate:
    """How often something came true: seen, and expected before."""

    expected: float
    right: float = 0.0
    tried: float = 0.0

    @property
    def share(self) -> float:
        return (self.right + WEIGHT * self.expected) / (self.tried + WEIGHT)

    def see(self, right: bool) -> None:
        self.right, self.tried = self.right + right, self.tried + 1


class Drafting:
    """How far drafts of one batch are worth their tokens, by what came of those before: where nothing copies, nothing is drafted.

    It follows from the rows alone, never from the clock.
    """

    def __init__(self) -> None:
        self._first = [_Rate(share) for share in (GOING_ON, *[IN_OWN] * LONGEST_RUN, *[IN_PREFIX] * LONGEST_RUN)]
        self._next, self._cost = _Rate(NEXT_RIGHT), 1.0
        self._open = [0] * len(self._first)

    def begin(self, rows: int) -> None:
        """A pass over so many rows."""
        self._cost = LEAST_COST + COST_OF_MANY * rows / (rows + HALF_OF_THAT)
        self._open = [0] * len(self._first)

    def length(self, kind: int) -> int:
        """Tokens worth drafting, as long as the next is likelier right than it costs; they count as drafted."""
        rate = self._first[kind]
        likely, length = rate.share if self._open[kind] < UNTRIED_AT_MOST + rate.tried else 0.0, 0
        while likely > self._cost and length < DRAFTED_AT_ONCE:
            likely, length = likely * self._next.share, length + 1
        self._open[kind] += length > 0
        return length

    def see(self, draft: Draft, right: int) -> None:
        """So many of a draft's tokens came true."""
        if draft.tokens:
            self._first[draft.kind].see(right > 0)
            for place in range(1, min(right + 1, len(draft.tokens))):
                self._next.see(place < right)
