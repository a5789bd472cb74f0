"""A scorer tried on made-up answers to the user's own rows, before anything is spent: what it catches, and what slips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from rung.data.sample import shuffled
from rung.types import Bar, Example, Task
from rung.verify.near_misses.kinds import NEAR_MISSES, REWORDINGS, Kind
from rung.verify.near_misses.material import Material, Materials
from rung.verify.scoring import EVERY_KIND, RIGHT, BoundScorer, scorer_of

SAMPLE_ROWS = 60
SEARCHED_ROWS = 1000  # rows in which a kind is looked for that the sample does not hold
ROWS_PER_KIND = 5
MOST_OF_A_KIND = 4  # made of one row
MOST_WORK = 4e8  # characters of the answer times those of the target, over all scores: some scorers take that long


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """A made-up answer and its score. `row` is where the row stands; no row of the locked split is ever among them."""

    row: str
    ideal: str
    said: str
    score: float | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class KindTried:
    """One kind of made-up answer: how many were made, of how many rows, and how many went wrong.

    first     the first that was made; `example` the first that went wrong
    accepted  why a near miss of this kind may count as right: by the scorer's design, or the task file's word; "" where it may not
    fault     whether what slipped is more than chance
    """

    kind: str
    rows: int
    made: int
    slipped: int
    accepted: str = ""
    fault: bool = False
    first: MadeUp | None = None
    example: MadeUp | None = None


@dataclass(frozen=True, kw_only=True)
class ScorerTrial:
    """What a bar's scorer made of the answers that were made up for a sample of rows.

    kinds      of near misses that the targets contain; `slipped` counts those that got as much as the ideal answer
    harmless   rewordings of the ideal answer; `slipped` counts those that got less
    opaque     whether only the scorer knows what is right, as a function of the user's does
    ideals     ideal answers that are not scored as right, a few of them
    """

    bar: str
    scorer: str
    opaque: bool
    rows: int
    kinds: tuple[KindTried, ...]
    harmless: tuple[KindTried, ...]
    ideals: tuple[MadeUp, ...] = field(default=())

    @property
    def made(self) -> int:
        """Made-up answers that were scored."""
        return sum(kind.made for kind in (*self.kinds, *self.harmless)) + self.rows

    @property
    def caught(self) -> float | None:
        """The share of near misses that were not taken for right, of the kinds that are not accepted; None where none was made."""
        counted = [kind for kind in self.kinds if not kind.accepted]
        made = sum(kind.made for kind in counted)
        return 1 - sum(kind.slipped for kind in counted) / made if made else None

    @property
    def slips(self) -> tuple[KindTried, ...]:
        """The kinds of which some slip, unasked."""
        return tuple(kind for kind in self.kinds if kind.slipped and not kind.accepted)

    @property
    def faults(self) -> tuple[KindTried, ...]:
        """The kinds of which more slip than chance allows."""
        return tuple(kind for kind in self.slips if kind.fault)

    @property
    def accepted(self) -> tuple[KindTried, ...]:
        """The kinds of which some slip, as they may."""
        return tuple(kind for kind in self.kinds if kind.slipped and kind.accepted)

    @property
    def strict(self) -> tuple[KindTried, ...]:
        """Harmless rewordings that count as wrong."""
        return tuple(kind for kind in self.harmless if kind.slipped)


@dataclass(frozen=True)
class _Locked:
    """A task by its lock, so that its trial need not be repeated for each who asks."""

    task: Task

    def __hash__(self) -> int:
        # The lock's digest is worked out from all rows: asked only of a task that may be the same.
        return hash((self.task.name, self.task.instruction, self.task.seed, len(self.task.examples)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Locked) and self._bars == other._bars and self.task.digest == other.task.digest

    @property
    def _bars(self) -> tuple[Bar, ...]:
        return (self.task.quality, *self.task.guards)


def try_bars(task: Task) -> tuple[ScorerTrial, ...]:
    """The trial of each bar's scorer on rows of train and dev: what the locked split holds is shown to nobody."""
    return _tried(_Locked(task))


@lru_cache(maxsize=4)
def _tried(locked: _Locked) -> tuple[ScorerTrial, ...]:
    task = locked.task
    rows = [row for row in task.examples if row.split != "test"]
    return tuple(try_scorer(scorer_of(task, bar), rows, task.seed, bar) for bar in (task.quality, *task.guards))


def try_scorer(scorer: BoundScorer, rows: Sequence[Example], seed: int = 0, bar: Bar | None = None) -> ScorerTrial:
    """What it makes of made-up answers to a sample of `rows`. The same rows and seed give the same result."""
    allowed = {**scorer.accepts, **{kind: "the task file accepts it" for kind in (bar.accepts if bar else ())}}
    every = allowed.get(EVERY_KIND, "")
    given = _sample(scorer, rows, seed)
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    ideals: list[MadeUp] = []
    done, work = 0, 0.0
    for row in given:
        if work > MOST_WORK:
            break
        done += 1
        work += _try_row(row, scorer, tallies, ideals)
    kinds = [tallies[kind.name].told(kind, allowed.get(kind.name, every)) for kind in NEAR_MISSES if kind.name in tallies]
    harmless = [tallies[kind.name].told(kind, "") for kind in REWORDINGS if kind.name in tallies]
    name = bar.name if bar else "quality"
    return ScorerTrial(
        bar=name,
        scorer=scorer.name,
        opaque=scorer.opaque,
        rows=done,
        kinds=tuple(kinds),
        harmless=tuple(harmless),
        ideals=tuple(ideals[:5]),
    )


class _Tally:
    """What became of the made-up answers of one kind."""

    def __init__(self) -> None:
        self.rows: set[str] = set()
        self.slipped_rows: set[str] = set()
        self.made = self.slipped = 0
        self.first: MadeUp | None = None
        self.example: MadeUp | None = None

    def add(self, row: str, made: MadeUp, slipped: bool) -> None:
        self.rows.add(row)
        self.made += 1
        self.first = self.first or made
        if slipped:
            self.slipped += 1
            self.slipped_rows.add(row)
            self.example = self.example or made

    def told(self, kind: Kind, accepted: str) -> KindTried:
        return KindTried(
            kind=kind.name,
            rows=len(self.rows),
            made=self.made,
            slipped=self.slipped,
            accepted=accepted,
            fault=len(self.slipped_rows) > kind.by_chance * len(self.rows),
            first=self.first,
            example=self.example,
        )


def _try_row(given: Material, scorer: BoundScorer, tallies: dict[str, _Tally], ideals: list[MadeUp]) -> float:
    """Scores what is made of one row; returns the work that it was."""
    best = 1.0
    work = 0.0
    if given.example.target is not None:
        first = _scored(given, scorer, given.ideal)
        if first.score is None or first.score < RIGHT:
            # Against what is not right itself no near miss can be held.
            ideals.append(first)
            return float(len(given.ideal) ** 2)
        best = first.score
        for kind in REWORDINGS:
            if kind.name in scorer.harmless and not given.has_twin:
                for text in kind.make(given):
                    made = _scored(given, scorer, text)
                    tallies[kind.name].add(given.example.id, made, made.score is None or made.score < best - 1e-9)
    misses = [(kind, text) for kind in NEAR_MISSES for text in islice(kind.make(given), MOST_OF_A_KIND)]
    scorer.prepare([(given.example, text) for _, text in misses])
    for kind, text in misses:
        made = _scored(given, scorer, text)
        tallies[kind.name].add(given.example.id, made, made.score is not None and made.score >= best - 1e-9)
        work += max(len(text) * max(len(given.ideal), 1), scorer.work)
    return work


def _scored(given: Material, scorer: BoundScorer, said: str) -> MadeUp:
    score = scorer.score(given.example, said)
    row = given.example.source or given.example.id
    return MadeUp(row=row, ideal=given.ideal, said=said, score=score.value, reason=score.reason)


def _sample(scorer: BoundScorer, rows: Sequence[Example], seed: int) -> Iterator[Material]:
    """A random sample, and beside it rows with the kinds that a rare target alone contains."""
    order = [*islice((row for row in shuffled(rows, seed) if scorer.check(row) is None), SEARCHED_ROWS)]
    of = Materials.of(scorer, [scorer.staged(row) for row in order], seed)
    lacking = {kind: ROWS_PER_KIND for kind in NEAR_MISSES}
    for index, row in enumerate(of.rows):
        wanted = [kind for kind, count in lacking.items() if count > 0]
        if index >= SAMPLE_ROWS and not wanted:
            return
        # What is made of a row is drawn anew for the trial: looking must not change it.
        looked_at = of.material(row)
        found = [kind for kind in wanted if next(kind.make(looked_at), None) is not None]
        for kind in found:
            lacking[kind] -= 1
        if index < SAMPLE_ROWS or found:
            yield of.material(row)
