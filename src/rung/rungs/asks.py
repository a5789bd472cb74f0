"""What a step of a climb will ask of the base, said before it begins: the outlook prices it in seconds, tokens and money."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.parts import Span
from rung.types import Candidate
from rung.verify.stats.race import rounds

if TYPE_CHECKING:
    from rung.train.config import TrainConfig

# The part of its rows that a form in a race is asked, on average over the worked tasks (benchmarks/racing.py).
RACED = 0.4


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Rows that a Candidate is asked. What is known of them costs nothing.

    rows    how many: the first ones of the split in their random order
    drawn   where not the first ones are asked: from among how many of the first they are taken
    times   how often each is asked: turns of a conversation with tools, samples
    kept    whether the answers are kept under the Candidate's own id, so that who asks again pays nothing
    at_once  how many are asked together
    beside   characters that stand beside each question, others beside each: a passage, a call's result
    heavier  how many times as long its pass over a token takes as the base's alone, for an adapter
    made     by what step another one will be made of the Candidate, which is then asked in its place: nothing of it is known
             before, and its answers are as long as targets; "" where the Candidate itself is asked
    """

    what: str
    candidate: Candidate
    rows: Span
    split: str = "dev"
    drawn: int = 0
    times: float = 1.0
    kept: bool = True
    at_once: int = 64
    beside: float = 0.0
    heavier: float = 1.0
    made: str = ""


@dataclass(frozen=True, kw_only=True)
class Training:
    """`rows` train rows learnt from, asked as `candidate` is. `done`: steps that were taken before it was interrupted."""

    what: str
    candidate: Candidate
    training: TrainConfig
    rows: int
    done: int = 0

    @property
    def steps(self) -> int:
        """In all."""
        return max(1, math.ceil(self.training.epochs * math.ceil(self.rows / self.training.batch_rows)))

    @property
    def left(self) -> float:
        """The share of its steps that is to be taken yet."""
        return max(0.0, 1 - self.done / self.steps)


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """So many texts like these put through an encoder."""

    what: str
    encoder: str
    texts: float
    like: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reranking:
    """So many questions, each with all that a reranker reads of it: texts like these."""

    what: str
    reranker: str
    questions: Span
    like: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Working:
    """Work that asks nothing, in seconds of this machine's processor."""

    what: str
    seconds: Span


@dataclass(frozen=True, kw_only=True)
class Buying:
    """Something that another does for money, in USD, and how long that takes."""

    what: str
    usd: Span
    seconds: Span


Ask = Answers | Training | Encoding | Reranking | Working | Buying


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What building a rung will ask, in its order, and what will come of it.

    likely   takes about as long to answer as what will be built; None where that takes no time to speak of
    adapter  whether it will have an adapter that can be made smaller
    heavier  as in `Answers`, of the Candidate that will be built; `made` likewise
    """

    asks: tuple[Ask, ...]
    likely: Candidate | None = None
    adapter: bool = False
    heavier: float = 1.0
    made: str = ""

    def asked(self, what: str, rows: Span, **rest: Any) -> list[Answers]:
        """Rows that what is built will be asked; `rest` as in `Answers`. Nothing, where that takes no time."""
        if self.likely is None:
            return []
        told = {"what": what, "candidate": self.likely, "rows": rows, "heavier": self.heavier, "made": self.made}
        return [Answers(**{**told, **rest})]


def all_of(forms: Iterable[tuple[str, Candidate]], rows: float, split: str = "dev") -> list[Answers]:
    """Every form on the same rows."""
    return [Answers(what=name, candidate=candidate, rows=Span.of(rows), split=split) for name, candidate in forms]


def raced(forms: Sequence[tuple[str, Candidate]], rows: float) -> list[Answers]:
    """Forms that meet dev in rounds: one round at least, all rows at most, and about so many of them as races usually take."""
    first = rounds(round(rows))[0]
    asked = Span(least=first, expected=max(first, RACED * rows), most=rows).at_most(rows)
    return [Answers(what=name, candidate=candidate, rows=asked, at_once=first) for name, candidate in forms]
