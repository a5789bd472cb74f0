"""What was seen in a rollout -> how the two versions compare, measure by measure, and what follows.

Pure: whoever reads the same observations in the same order comes to the same, so that several servers of one home judge alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from rung.registry.rollout_states import CANDIDATE_ARM, CHAMPION_ARM, Measure, Observed, Plan
from rung.serve.rollout.silence import Silence
from rung.serve.rollout.words import Words
from rung.verify.stats.arms import Arms, Drawn, Line, Standing, more_needed, standing


@dataclass(kw_only=True)
class Plain:
    """One arm's answers, all of them: how many, how many somebody spoke of, and sums over those that have a figure."""

    answers: int = 0
    feedback: int = 0
    tokens: float = 0.0
    with_tokens: int = 0
    seconds: float = 0.0
    with_seconds: int = 0

    def add(self, told: Mapping[str, Any]) -> None:
        """An answer and its figures."""
        self.answers += 1
        if (tokens := told.get("tokens")) is not None:
            self.tokens, self.with_tokens = self.tokens + tokens, self.with_tokens + 1
        if (seconds := told.get("seconds")) is not None:
            self.seconds, self.with_seconds = self.seconds + seconds, self.with_seconds + 1

    @property
    def mean_tokens(self) -> float | None:
        return self.tokens / self.with_tokens if self.with_tokens else None

    @property
    def mean_seconds(self) -> float | None:
        return self.seconds / self.with_seconds if self.with_seconds else None


@dataclass(kw_only=True)
class Shadowed:
    """Questions that both answered: how many, and how many in the same words; `theirs` and `mine` by champion and candidate."""

    pairs: int = 0
    equal: int = 0
    theirs: Plain = field(default_factory=Plain)
    mine: Plain = field(default_factory=Plain)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One measure: over the whole rollout, at the share of now, and whether it was shown that the candidate is

    worse    by more than the harm: that rolls it back
    no_harm  not worse by the harm, at this share
    better   better at all, at this share
    needed   about how many more who ask would show no harm (A/B: that it is better); None where that cannot be told
    leans    why no harm is shown by it whatever its mean, in words; "" where nothing speaks against that
    silent   why it judges nothing, likewise: a worse candidate would have the same mean
    """

    measure: Measure
    whole: Standing
    now: Standing
    worse: bool
    no_harm: bool
    better: bool
    needed: int | None
    leans: str = ""
    silent: str = ""


class _Counted(NamedTuple):
    """What counts of one observation: of an answer `mine` says whose it is, of a pair it is the candidate's score."""

    share: float
    mine: float
    score: float
    chance: float


class Tally:
    """What was seen so far in one rollout."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seq = 0
        self.arms = {CHAMPION_ARM: Plain(), CANDIDATE_ARM: Plain()}
        self.shadowed = Shadowed()
        self._whole = {measure.name: Arms(Line(harm=plan.harm, aim=None)) for measure in plan.measures}
        self._at: dict[tuple[str, float], list[Arms]] = {}
        self._drawn = {measure.name: Drawn() for measure in plan.measures}
        self._paired: dict[str, set[str]] = {measure.name: set() for measure in plan.measures}
        self._open: dict[str, tuple[bool, list[_Counted]]] = {}
        self._silences = {measure.name: Silence(measure.limit) for measure in plan.measures if measure.kind == "complaint"}
        self._words = {measure.name: Words(plan.alpha) for measure in plan.measures if measure.kind == "feedback"}

    def add(self, seen: Iterable[Observed]) -> None:
        """Further observations, in the order in which they were written."""
        for one in seen:
            self.seq = max(self.seq, one.seq)
            self._listen(one)
            if one.kind == "shadow":
                self._add_pair(one)
            else:
                self._add_one(one)
        for name in list(self._open):
            self._settle(name)

    def _add_one(self, one: Observed) -> None:
        if one.kind == "feedback":
            self.arms[one.arm].feedback += 1
        else:
            self.arms[one.arm].add(one.told)
        for name, score in one.scores.items():
            self._count(name, one, score)

    def _listen(self, one: Observed) -> None:
        """What is known by now of those who said nothing."""
        for name, silence in self._silences.items():
            for answer, score in silence.until(one.created):
                self._count(name, answer, score)
            silence.see(one)

    def _count(self, name: str, one: Observed, score: float) -> None:
        if (drawn := self._drawn.get(name)) is None or (chance := drawn.chance(one.unit, one.share)) is None:
            return
        mine = one.arm == CANDIDATE_ARM
        drawn.learn(one.unit, one.share, candidate=mine)
        self._put(name, _Counted(one.share, float(mine), score, chance), paired=False)

    def _add_pair(self, one: Observed) -> None:
        self.shadowed.pairs += 1
        self.shadowed.equal += bool(one.told.get("equal"))
        self.shadowed.theirs.add(one.told.get("champion", {}))
        self.shadowed.mine.add(one.told.get("candidate", {}))
        for name, (theirs, mine) in one.scores.items():
            if name in self._paired and one.unit not in self._paired[name]:
                self._paired[name].add(one.unit)
                self._put(name, _Counted(0.0, mine, theirs, 0.0), paired=True)

    def _put(self, name: str, counted: _Counted, *, paired: bool) -> None:
        """What is of one kind is counted at one go."""
        if name in self._open and self._open[name][0] is not paired:
            self._settle(name)
        self._open.setdefault(name, (paired, []))[1].append(counted)

    def _settle(self, name: str) -> None:
        paired, counted = self._open.pop(name)
        for share in (None, *dict.fromkeys(one.share for one in counted)):
            chosen = [one for one in counted if share in (None, one.share)]
            columns = [[getattr(one, column) for one in chosen] for column in ("mine", "score", "chance")]
            if share is None and name in self._words and not paired:
                self._words[name].add(*columns)
            for arms in [self._whole[name]] if share is None else self._arms_at(name, share):
                if paired:
                    arms.add_pairs(columns[0], columns[1])
                else:
                    arms.add(*columns)

    def compared(self, share: float) -> list[Compared]:
        """How every measure stands where the candidate's share is this one."""
        return [self._compared(measure, share) for measure in self.plan.measures]

    @cached_property
    def level(self) -> float:
        """Of alpha, what each measure may spend on a wrong rollback: any one of them rolls back."""
        return self.plan.alpha / len(self.plan.measures)

    def _compared(self, measure: Measure, share: float) -> Compared:
        whole, at_share = self._whole[measure.name], self._arms_at(measure.name, share)
        now, best, shown = at_share[0], at_share[-1], math.log(1 / self.plan.alpha)
        words, stands = self._words.get(measure.name), standing(whole)
        leans = words.leans() if words else ""
        return Compared(
            measure=measure,
            whole=stands,
            now=standing(now),
            worse=float(whole.harm.peak) >= math.log(1 / self.level),
            no_harm=not leans and float(now.aim.peak) >= shown,
            better=not leans and best is not now and float(best.aim.peak) >= math.log(1 / self.level),
            needed=more_needed(best, self.plan.alpha, share),
            leans=leans,
            silent=words.one_sided(stands.means[0], self.plan.harm) if words else "",
        )

    def _arms_at(self, name: str, share: float) -> list[Arms]:
        """What counted at one share: bet that there is no harm, and of an A/B that there is a gain."""
        key = name, share
        if key not in self._at:
            aims = (-self.plan.harm, 0.0) if self.plan.kind == "ab" else (-self.plan.harm,)
            self._at[key] = [Arms(Line(harm=self.plan.harm, aim=aim)) for aim in aims]
        return self._at[key]
