"""What a climb will take, step by step: what each step will ask, priced, and what it comes to in all by where the climb ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.climb.baselines import baselines_of
from rung.climb.diagnosis.diagnose import foresee as foresee_diagnosis
from rung.climb.outlook.gate import gate_rows
from rung.climb.outlook.pricing import Pricing
from rung.climb.simplify import simpler
from rung.parts import Span
from rung.registry.predictions import Amount, End, Step, When
from rung.rungs.asks import NOTHING, Answers, Ask, Foreseen, Training
from rung.rungs.base import ladder, rung_named
from rung.types import Candidate, Task
from rung.verify.foresight import STEPS
from rung.verify.stats.boundaries import LOOK_EVERY
from rung.verify.wait import WAIT_ROWS

if TYPE_CHECKING:
    from rung.verify.alpha import AlphaPlan

ENDINGS: tuple[When, ...] = ("pass", "fail", "undecided")


@dataclass(kw_only=True)
class Foresight:
    """The steps of a climb over these rungs, priced in the order in which it takes them.

    task  with the test rows that judge
    """

    task: Task
    pricing: Pricing
    rungs: Sequence[str]
    alpha: AlphaPlan
    steps: list[Step] = field(default_factory=list)
    likely: dict[str, Foreseen] = field(default_factory=dict)

    def run(self) -> tuple[Step, ...]:
        """Every step that there may be: what is built and judged in turn, what is missing once, and all of dev at the end."""
        diagnosed = False
        for rung in self.rungs:
            if not diagnosed and not rung_named(rung).cheap:
                diagnosed = self._diagnosis()
            self._build(rung)
            self._gate(rung)
        if not diagnosed:
            self._diagnosis()
        for rung in self.rungs:
            self._simplify(rung)
        for rung in self.rungs:
            self._measure(rung)
        return tuple(self.steps)

    def _add(self, key: str, rung: str, title: str, asks: Sequence[Ask], when: When = "") -> None:
        self.steps.append(Step(key=key, rung=rung, title=title, amount=self.pricing.amount(asks), when=when))

    def _build(self, rung: str) -> None:
        foreseen = rung_named(rung).foresee(self.pricing.task, self._parent(rung), self.pricing.context)
        self.likely[rung] = foreseen
        self._add(f"built/{rung}", rung, "build", foreseen.asks)

    def _gate(self, rung: str) -> None:
        if rung == self.task.quality.other:
            return
        shared = self._shared(self.likely[rung])
        for when in ENDINGS:
            rows = gate_rows(self.task, self.alpha.likely if when == "pass" else self.alpha.equal, when)
            asks = [*shared, *self._judged(self.likely[rung], rows)]
            before = dict(self.pricing.asked)
            self._add(f"judged/{rung}", rung, "gate", asks, when)
            self.pricing.asked = before
        # However it ends, these are known by then.
        self.pricing.amount(shared)

    def _shared(self, foreseen: Foreseen) -> list[Ask]:
        """Dev rows by which a rung's share of alpha is fixed; a search has asked most of them."""
        if foreseen.likely is None or not self.alpha.by_dev:
            return []
        dev = len(self.task.split("dev"))
        least, expected, *_, most = (float(min(step, dev)) for step in STEPS)
        span = Span(least=least, expected=expected, most=most)
        return [Answers(what="dev", candidate=foreseen.likely, rows=span, heavier=foreseen.heavier)]

    def _judged(self, foreseen: Foreseen, rows: Span) -> list[Ask]:
        """The Candidate on test, and where the bar is relative, what it is compared with; where waits are limited, some alone."""
        if foreseen.likely is None:
            return []
        one = Answers(what="gate", candidate=foreseen.likely, rows=rows, split="test", at_once=LOOK_EVERY, heavier=foreseen.heavier)
        asks: list[Ask] = [one]
        for name in set(baselines_of(self.task).values()) & set(self.likely):
            other = self.likely[name]
            asks += [replace(one, candidate=other.likely, heavier=other.heavier)] if other.likely else []
        if self.task.limits.p95_latency_s is not None:
            asks.append(replace(one, rows=Span.of(WAIT_ROWS), at_once=1, kept=False))
        return asks

    def _diagnosis(self) -> bool:
        parent = next((seen.likely for seen in reversed(self.likely.values()) if seen.likely), None)
        self._add("diagnosed", "", "what is missing", foresee_diagnosis(self.pricing.task, self.pricing.context, parent))
        return True

    def _simplify(self, rung: str) -> None:
        """What passed in cheaper forms, each before the gate; where they share a rung's alpha, each as if it held."""
        foreseen = self.likely[rung]
        if foreseen.likely is None or rung == self.task.quality.other:
            return
        forms = _cheaper(foreseen, self.task, self.pricing)
        rows = gate_rows(self.task, self.alpha.likely, "pass")
        asks = [ask for form in forms for ask in self._judged(replace(foreseen, likely=form), rows)]
        self._add(f"simplified/{rung}", rung, "cheaper forms", asks)

    def _measure(self, rung: str) -> None:
        foreseen, rows = self.likely[rung], float(len(self.task.split("dev")))
        asks: list[Ask] = []
        if foreseen.likely is not None:
            # What is trained is not the Candidate that stands in for it: nothing of it is known before.
            kept = not any(isinstance(ask, Training) for ask in foreseen.asks)
            asks = [Answers(what="dev", candidate=foreseen.likely, rows=Span.of(rows), heavier=foreseen.heavier, kept=kept)]
        self._add(f"measured/{rung}", rung, "all of dev", asks)

    def _parent(self, rung: str) -> Candidate | None:
        if not rung_named(rung).stacks:
            return None
        below = [self.likely[name].likely for name in self.rungs if name in self.likely and rung_named(name).stacks]
        return below[-1] if below else None


def _cheaper(foreseen: Foreseen, task: Task, pricing: Pricing) -> list[Candidate]:
    likely = foreseen.likely
    assert likely is not None
    work = pricing.context.work
    forms = [form for _, form in simpler(likely, pricing.context.blobs, work, below=likely.adapters)]
    return [*forms, likely] if foreseen.adapter else forms


def ends_of(steps: Sequence[Step], rungs: Sequence[str], titles: Mapping[str, str]) -> tuple[End, ...]:
    """What the climb takes in all where each rung is the first to pass, and where none is."""
    return tuple(End(rung=rung, title=titles.get(rung, ""), amount=sum_of(through(steps, rungs, rung))) for rung in (*rungs, ""))


def through(steps: Sequence[Step], rungs: Sequence[str], end: str) -> list[Step]:
    """The steps of a climb that ends with `end` passing; with none, where that is empty."""
    climbed = list(rungs[: rungs.index(end) + 1]) if end else list(rungs)
    dear = any(not rung_named(rung).cheap for rung in climbed) or not end
    found = []
    for step in steps:
        kind = step.key.partition("/")[0]
        if kind == "diagnosed":
            taken = dear
        elif kind == "simplified":
            taken = step.rung == end
        elif kind == "judged":
            taken = step.rung in climbed and step.when == ("pass" if step.rung == end else "fail")
        else:
            taken = step.rung in climbed
        found += [step] if taken else []
    return found


def sum_of(steps: Sequence[Step]) -> Amount:
    """All of these together."""
    whole = Amount(seconds=NOTHING, usd=NOTHING)
    for step in steps:
        whole += step.amount
    return whole


def titles() -> dict[str, str]:
    """Each rung's title by its name."""
    return {rung.name: rung.title for rung in ladder()}
