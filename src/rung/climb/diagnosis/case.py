"""What a probe is given, and what it gives back: dev rows with what the plain instruction scored on them, and arms beside that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rung.engine.backend import CACHED_SHARE
from rung.engine.chat import text_of, tools_text
from rung.parts import Span
from rung.rungs.asks import Answers
from rung.rungs.base import mending
from rung.rungs.causes import SOLVED
from rung.types import Candidate, Example, Run, Task
from rung.verify.choosing import counted, line_of, shares_of
from rung.verify.missing import remarks
from rung.verify.run import evaluate, random_order, score_rows
from rung.verify.stats.select import standard_error
from rung.verify.stats.strata import Strata

if TYPE_CHECKING:
    from rung.rungs.base import BuildContext

DEV_ROWS = 160
# Dev rows that the plain instruction is asked at most, to find the failing ones among; no more than DEV_ROWS where these hold a
# quarter of them of each kind.
PLAIN_ROWS = 400
ENOUGH_OF_A_KIND = 0.25
PLAIN_ARMS = 4
# What one arm may read and write, in characters: about a quarter of a minute of the 135M model on two cores.
ARM_CHARS = 160_000
CHARS_OF_AN_ANSWER_TOKEN = 20
FEWEST_ROWS = 16
# Rows that tell about what a form scores, before it is asked the others.
TOLD_BY = 48

# The chance, over the whole diagnosis, that a rung is skipped that could have passed. It buys time, and is no part of the gate's
# alpha: a wrong skip loses a pass, and can never make one. Split over three claims: documents, tools, labels.
SKIP_ERROR = 0.05
CLAIM_LEVEL = SKIP_ERROR / 3

# An arm is looked at after these shares of its rows, where that is rows enough to put failures down to causes by, and at the end.
EARLY_LOOKS = (0.4, 0.65)
FEWEST_AT_A_LOOK = 64
LOOKS = len(EARLY_LOOKS) + 1
LOOK_LEVEL = CLAIM_LEVEL / 2 / LOOKS

Values = tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The dev rows that are looked at: all of them, or as many failing as passing ones."""

    examples: tuple[Example, ...]
    before: Values
    strata: Strata

    def __len__(self) -> int:
        return len(self.examples)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The sample's rows at `places`, asked in one changed way.

    values     the score of each; None where there is none
    against    what it is compared with, on the same rows
    candidate  what was asked, where that could be shipped
    shows      whether a lift of it shows the probe's cause, or it only reports
    unknown    of each row, whether what was to be handed over is not known: it was left as it was, and might have been right
    texts      what was answered, where it was asked: for a look at the check itself
    of         the rows that it would have asked at most: fewer were, where these settled what it can show
    """

    name: str
    places: tuple[int, ...]
    values: Values
    against: Values
    candidate: Candidate | None = None
    shows: bool = True
    unknown: tuple[bool, ...] = ()
    texts: tuple[str | None, ...] = ()
    of: int | None = None

    @property
    def best_case(self) -> list[float]:
        """A score that is missing, or of which it is not known what it might have been, as right."""
        unknown = self.unknown or (False,) * len(self.values)
        return [1.0 if value is None or hidden else value for value, hidden in zip(self.values, unknown, strict=True)]

    @property
    def worst_case(self) -> list[float]:
        """A missing score as wrong."""
        return [value or 0.0 for value in self.values]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a probe found. `facts` are its figures, `said` the same in words; a `reason` says why there is nothing else.

    `ceiling` bounds what anything can score, from above, wrong at most CLAIM_LEVEL of the time; `likely_ceiling` is its estimate.
    """

    arms: tuple[Arm, ...] = ()
    ceiling: float | None = None
    likely_ceiling: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A task under diagnosis.

    context   what a rung is given: a store, a way to ask
    plain   the user's own instruction, as it is
    parent  what the prompt rung chose, where it was built; else None
    mute    why the plain instruction has no score at all, where none of its answers is one; else ""
    tried   arms that a rung could ship, so far
    margin  how far below the bar an arm must be shown to be before it is asked no more
    """

    task: Task
    context: BuildContext
    sample: Sample
    plain: Candidate
    bar: float | None
    parent: Candidate | None = None
    mute: str = ""
    tried: tuple[Arm, ...] = ()
    margin: float = 0.0

    def arm(self, name: str, candidate: Candidate, *, limit: int | None = None, **rest: Any) -> Arm:
        """The candidate on the sample, against the plain instruction: on a part where its prompts are long, or where a part settles
        what it shows."""

        def asked(places: tuple[int, ...]) -> Arm:
            examples = [self.sample.examples[place] for place in places]
            run = self.run(candidate, examples)
            values = shares_of(self.task, examples, run.rows).values
            told = {"values": values, "texts": tuple(row.answer.text for row in run.rows)}
            against = tuple(self.sample.before[place] for place in places)
            return Arm(**{"name": name, "places": places, "against": against, "candidate": candidate, **told, **rest})

        return self._raced(self.places(self.chars(candidate), limit), asked)

    def foreseen(self, name: str, candidate: Candidate, *, chars: float = 0.0, limit: int | None = None, **rest: Any) -> Answers:
        """What `arm` will ask of the candidate; `chars` stand beside each question, and are then asked by no other."""
        looks = self._looks(self.places(self.chars(candidate, chars), limit))
        first, rows = float(len(looks[0])), float(len(looks[-1]))
        known = None if chars else known_score(self.task, candidate, self.context, self.sample.examples)
        likely = (first + rows) / 2 if known is None else self._asked_at(looks, known)
        asked = Span(least=first, expected=likely, most=rows)
        told = {"drawn": len(self.sample.strata.all_inside), "beside": chars, "kept": not chars}
        return Answers(**{"what": name, "candidate": candidate, "rows": asked, **told, **rest})

    def handed(self, name: str, candidate: Candidate, places: tuple[int, ...], shown: Mapping[int, Example]) -> Arm:
        """The rows at `places`, some with something handed over (`shown`), against all without it; the others stay as they are.

        Fewer of them where what that shows is settled before.
        """

        def asked(places: tuple[int, ...]) -> Arm:
            closed = self.ask(candidate, [self.sample.examples[place] for place in places])
            given = {place: shown[place] for place in places if place in shown}
            run = self.run(candidate, list(given.values()))
            told = dict(zip(given, shares_of(self.task, list(given.values()), run.rows).values, strict=True))
            texts = dict(zip(given, (row.answer.text for row in run.rows), strict=True))
            return Arm(
                name=name,
                places=places,
                values=tuple(told.get(place, before) for place, before in zip(places, closed, strict=True)),
                against=closed,
                unknown=tuple(place not in shown for place in places),
                texts=tuple(texts.get(place) for place in places),
            )

        return self._raced(places, asked)

    def _raced(self, places: tuple[int, ...], asked: Callable[[tuple[int, ...]], Arm]) -> Arm:
        """The arm over the first of its rows that settle whether it comes to the bar; what was asked at one look is kept for the
        next."""
        arm = asked(first := self._looks(places)[0])
        for more in self._looks(places)[1:]:
            if self._settled(arm):
                self.context.progress.note(f"{arm.name}: settled after {len(first)} of {len(places)} rows")
                break
            arm = asked(first := more)
        return replace(arm, of=len(places))

    def _looks(self, places: tuple[int, ...]) -> list[tuple[int, ...]]:
        sizes = [math.ceil(share * len(places)) for share in EARLY_LOOKS]
        return [*(spread(self.sample.strata.inside, size) for size in sizes if size >= FEWEST_AT_A_LOOK), places]

    def _asked_at(self, looks: Sequence[tuple[int, ...]], score: float) -> float:
        """Rows of an arm that scores so, on failing and passing rows alike."""
        for places in looks:
            right = tuple(float(math.floor((n + 1) * score) > math.floor(n * score)) for n in range(len(places)))
            if self._settled(Arm(name="", places=places, values=right, against=())):
                return float(len(places))
        return float(len(looks[-1]))

    def _settled(self, arm: Arm) -> bool:
        """Whether it is shown to lie below the bar, by the margin, or at the bar; each wrong at most LOOK_LEVEL of the time."""
        if self.bar is None:
            return False
        strata = self.sample.strata.take(arm.places)
        highest = strata.mean_bounds(arm.best_case, LOOK_LEVEL)[1]
        return highest + self.margin < self.bar or strata.mean_bounds(arm.worst_case, LOOK_LEVEL)[0] >= self.bar

    def ask(self, candidate: Candidate, examples: Sequence[Example]) -> Values:
        """The score of each example, as the quality bar sees it."""
        return shares_of(self.task, examples, self.run(candidate, examples).rows).values

    def run(self, candidate: Candidate, examples: Sequence[Example]) -> Run:
        """The candidate's answers to examples, which may carry more than the dev rows that they stand for."""
        return evaluate(self.task, candidate, "dev", examples, self.context.runtime, self.context.progress)

    def places(self, chars: float, limit: int | None = None) -> tuple[int, ...]:
        """Which of the sample's rows an arm may ask at so many characters a row; of each kind in its share."""
        affordable = max(FEWEST_ROWS, int(ARM_CHARS / max(1.0, chars)))
        most = min(len(self.sample), affordable, len(self.sample) if limit is None else limit)
        return spread(self.sample.strata.inside, most)

    def chars(self, candidate: Candidate, extra: float = 0.0) -> float:
        """Characters a row, about: the prompt with its demonstrations, of those that all rows share what it costs to look back at
        them, `extra`, and the longest answer."""
        demonstrations = candidate.demonstrations
        shown = demonstrations.k + CACHED_SHARE * demonstrations.shared if demonstrations else 0
        passages = candidate.retrieval.k * 800 if candidate.retrieval else 0
        prompt = len(candidate.prompt) + self._question_chars * (1 + shown) + passages
        return prompt + extra + CHARS_OF_AN_ANSWER_TOKEN * candidate.max_tokens

    @cached_property
    def _question_chars(self) -> float:
        return _row_chars(self.sample.examples)

    @cached_property
    def best(self) -> Candidate:
        """What the prompt rung chose; where it was not built, the form that beats the plain instruction by most, if by enough."""
        if self.parent is not None:
            return self.parent
        shippable = [arm for arm in self.tried if arm.candidate is not None]
        gains = [(_gain(arm, self.sample.strata.take(arm.places).groups), arm) for arm in shippable]
        good = [(gain, arm) for (gain, error), arm in gains if gain > error]
        return max(good, key=lambda pair: pair[0])[1].candidate or self.plain if good else self.plain


def open_case(task: Task, context: BuildContext, parent: Candidate | None) -> Case:
    """Asks the plain instruction on dev and takes the sample."""
    from rung.rungs.prompting import plain_candidate

    plain = plain_candidate(task, context)
    size, below = task.probes.dev_rows or DEV_ROWS, threshold(task)
    every = _to_look_at(task, plain)
    for rows in (every[:size], every):
        run = evaluate(task, plain, "dev", rows, context.runtime, context.progress)
        values = shares_of(task, rows, run.rows).values
        if enough_of_each([fails(value, below) for value in values], size):
            break
    sample = take_sample(rows, values, below, size)
    present = [value for value in values if value is not None]
    bar = bar_of(task, sum(present) / len(present) if present else None)
    mute = "" if present else "; ".join(remarks([row.answer for row in run.rows])) or "no answer could be scored"
    return Case(task=task, context=context, sample=sample, plain=plain, bar=bar, parent=parent, mute=mute)


def foreseen_case(task: Task, context: BuildContext, parent: Candidate | None) -> tuple[Case, Answers]:
    """A case as it may turn out, and what opening it will ask: rows fail as those did that the plain instruction has answered
    already, half of them where it has not. Asks nothing."""
    from rung.rungs.prompting import plain_candidate

    plain = plain_candidate(task, context)
    size, below, every = task.probes.dev_rows or DEV_ROWS, threshold(task), _to_look_at(task, plain)
    known = known_score(task, plain, context, every)
    score = 0.5 if known is None else known
    values = tuple(float(math.floor((n + 1) * score) > math.floor(n * score)) for n in range(len(every)))
    few = enough_of_each([fails(value, below) for value in values[:size]], size)
    rows = every[:size] if few else every
    sample = take_sample(rows, values[: len(rows)], below, size)
    case = Case(task=task, context=context, sample=sample, plain=plain, bar=bar_of(task, known), parent=parent)
    least, most = float(min(size, len(every))), float(len(every))
    # Where nothing is known, either may be: as far from the one as from the other.
    expected = float(len(rows)) if known is not None else math.sqrt(least * most)
    asked = Span(least=least, expected=expected, most=most)
    return case, Answers(what="your instruction", candidate=plain, rows=asked)


def known_score(task: Task, candidate: Candidate, context: BuildContext, rows: Sequence[Example]) -> float | None:
    """The mean over those of the rows that the Candidate has answered before; None where they are too few to tell."""
    cache = context.runtime.cache
    kept = cache.load(candidate.asked.id, [row.digest for row in rows]) if cache is not None else {}
    answered = [row for row in rows if row.digest in kept][:TOLD_BY]
    if candidate.calibration or len(answered) < FEWEST_ROWS:
        return None
    values = shares_of(task, answered, score_rows(task, answered, [kept[row.digest] for row in answered])).values
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def _to_look_at(task: Task, plain: Candidate) -> tuple[Example, ...]:
    """The first rows of dev that count, in their random order: PLAIN_ROWS, or, where they are long, what some arms may read."""
    rows = counted(task, random_order(task, "dev"))[:PLAIN_ROWS]
    chars = _row_chars(rows) + CHARS_OF_AN_ANSWER_TOKEN * plain.max_tokens
    return rows[: max(DEV_ROWS // 2, int(PLAIN_ARMS * ARM_CHARS / max(1.0, chars)))]


def enough_of_each(inside: Sequence[bool], size: int) -> bool:
    """Whether rows hold enough failing and enough passing ones for a sample of `size`."""
    return min(sum(inside), len(inside) - sum(inside)) >= ENOUGH_OF_A_KIND * size


def _row_chars(rows: Sequence[Example]) -> float:
    """Characters of an average row's conversation and of the tools that it offers."""
    texts = [sum(len(text_of(turn.get("content"))) for turn in row.messages) for row in rows]
    tools = [len(tools_text(row.tools)) if row.tools else 0 for row in rows]
    return (sum(texts) + sum(tools)) / max(1, len(rows))


def take_sample(rows: Sequence[Example], values: Values, below: float, size: int) -> Sample:
    """All rows where they are few, else half failing and half passing ones, or more of one where the other has not so many.

    rows  in a random order, so that the first of each kind are a random sample of it
    """
    inside = [fails(value, below) for value in values]
    failing = sum(inside)
    wanted_failing = min(failing, max(size - size // 2, size - (len(rows) - failing)))
    left = {True: wanted_failing, False: size - wanted_failing} if len(rows) > size else {True: len(rows), False: len(rows)}
    places = []
    for place, kind in enumerate(inside):
        if left[kind]:
            left[kind] -= 1
            places.append(place)
    strata = Strata(
        inside=tuple(inside[place] for place in places),
        groups=tuple(rows[place].group for place in places),
        all_inside=tuple(inside),
        all_groups=tuple(row.group for row in rows),
    )
    return Sample(examples=tuple(rows[place] for place in places), before=tuple(values[place] for place in places), strata=strata)


def spread(inside: Sequence[bool], most: int) -> tuple[int, ...]:
    """The first places of each kind, `most` in all, the kinds in their own shares."""
    if most >= len(inside):
        return tuple(range(len(inside)))
    first = round(most * sum(inside) / len(inside))
    left = {True: first, False: most - first}
    found = []
    for place, kind in enumerate(inside):
        if left[kind]:
            left[kind] -= 1
            found.append(place)
    return tuple(found)


def threshold(task: Task) -> float:
    """Below which a row fails: the bar on the mean, for scores in between; a right answer, where the bar is on no such mean."""
    return line_of(task) or 1.0


def fails(value: float | None, below: float) -> bool:
    """A row that could not be scored fails as well."""
    return value is None or value < below


def bar_of(task: Task, plain: float | None) -> float | None:
    """The mean that is to be reached; against the prompt rung, about what lies that far from the plain instruction; else None."""
    quality, line = task.quality, line_of(task)
    if line is not None:
        return line
    prompted = mending(SOLVED)
    if plain is None or prompted is None or (quality.better_than or quality.not_worse_than) != prompted.name:
        return None
    return min(1.0, plain + quality.by) if quality.better_than else max(0.0, plain - quality.margin)


def _gain(arm: Arm, groups: Sequence[str]) -> tuple[float, float]:
    """The mean lift over what it is compared with, and its standard error."""
    after, before = ([value or 0.0 for value in values] for values in (arm.values, arm.against))
    return (sum(after) - sum(before)) / max(1, len(after)), standard_error(after, before, groups)


def with_tried(case: Case, evidence: Evidence) -> Case:
    """The case with what a probe tried."""
    return replace(case, tried=(*case.tried, *(arm for arm in evidence.arms if arm.candidate is not None)))
