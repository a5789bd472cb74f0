"""Three made-up answers to one row, to show what a scorer asks for: a right one, one that is nearly right, a wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rung.data.sample import shuffled
from rung.types import Example
from rung.verify.near_misses.kinds import NEAR_MISSES
from rung.verify.near_misses.material import Material, Materials
from rung.verify.scoring import BoundScorer

LOOKED_AT, SEARCHED_ROWS = 1000, 40
# Near misses that nobody would call nearly right, the likeliest to happen first.
WRONG = ("other label", "other row's target", "other function", "refusal", "no call")
NO_ANSWER = ("empty answer", "question echoed", "only a thought", "citation added")


@dataclass(frozen=True, kw_only=True)
class MadeUpOf:
    """A made-up answer: `what` it is, to which `row`, and what the scorer says."""

    what: str
    row: str
    said: str
    score: float | None
    reason: str

    @property
    def score_text(self) -> str:
        """`1`, `0.42`, `no score`."""
        return "no score" if self.score is None else f"{self.score:.2g}"


def three_answers(scorer: BoundScorer, rows: Sequence[Example], seed: int) -> tuple[MadeUpOf, ...]:
    """Of the first row, in random order, that allows all three; of another what it allows. Empty where no row can be answered."""
    order = [
        row
        for row in islice(shuffled(rows[:LOOKED_AT], seed), SEARCHED_ROWS)
        if row.target is not None and scorer.check(row) is None
    ]
    of = Materials.of(scorer, [scorer.staged(row) for row in order], seed)
    best: tuple[MadeUpOf, ...] = ()
    for row in of.rows:
        found = tuple(_told(of.material(row), scorer))
        best = found if len(found) > len(best) else best
        if len(best) == 3:
            break
    return best


def _told(given: Material, scorer: BoundScorer) -> Iterator[MadeUpOf]:
    near = next(_near(given), None)
    far = next(_wrong(given), None)
    for what, said in [("right", given.ideal), *filter(None, (near, far))]:
        score = scorer.score(given.example, said)
        row = given.example.source or given.example.id
        yield MadeUpOf(what=what, row=row, said=said, score=score.value, reason=score.reason)


def _near(given: Material) -> Iterator[tuple[str, str]]:
    """What differs in one thing; of a text half."""
    for kind in NEAR_MISSES:
        if kind.name not in (*WRONG, *NO_ANSWER):
            for text in islice(kind.make(given), 1):
                yield f"nearly right ({kind.name})", text
    if len(given.ideal) > 8:
        yield "nearly right (the first half)", given.ideal[: len(given.ideal) // 2].rstrip()


def _wrong(given: Material) -> Iterator[tuple[str, str]]:
    kinds = {kind.name: kind for kind in NEAR_MISSES}
    for name in WRONG:
        for text in islice(kinds[name].make(given), 1):
            yield f"wrong ({name})", text
