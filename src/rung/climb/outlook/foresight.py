"""What a climb will take, step by step: what each step will ask, priced, and what it comes to in all by where the climb ends."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.climb.allotting import most_of_dev
from rung.climb.baselines import baselines_of
from rung.climb.diagnosis.diagnose import foresee as foresee_diagnosis
from rung.climb.outlook.gate import dev_rows, gate_rows
from rung.climb.outlook.pricing import Pricing
from rung.climb.simplify import simpler
from rung.parts import NOTHING, Span
from rung.registry.predictions import Amount, End, Step, When
from rung.rungs.asks import Answers, Ask, Foreseen, Training
from rung.rungs.base import ladder, rung_named
from rung.rungs.training import WITH_ADAPTER
from rung.types import Candidate, Task
from rung.verify.foresight import Foresight as DevSays
from rung.verify.judge import slices
from rung.verify.stats.boundaries import LOOK_EVERY
from rung.verify.wait import WAIT_ROWS

if TYPE_CHECKING:
    from rung.verify.alpha import AlphaPlan

ENDINGS: tuple[When, ...] = ("pass", "fail", "undecided")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a climb has found out of a rung that it has built.

    dev     what dev, and test where it was judged, say of its score, as far as they were asked; None where they say nothing
    alpha   what it may spend at the gate
    """

    candidate: Candidate
    dev: DevSays | None = None
    alpha: float | None = None


@dataclass(kw_only=True)
class Foresight:
    """The steps of a climb over these rungs, priced in the order in which it takes them.

    task   with the test rows that judge
    known  the rungs that are built, by their names: what they are is asked after, not what they were likely to be
    done   keys of the steps that were taken, of which nothing more is said
    begun  steps of training that were taken before an interruption, by the rung
    """

    task: Task
    pricing: Pricing
    rungs: Sequence[str]
    alpha: AlphaPlan
    known: Mapping[str, Known] = field(default_factory=dict)
    done: Container[str] = ()
    begun: Mapping[str, int] = field(default_factory=dict)
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

    def _add(self, key: str, rung: str, title: str, asks: Sequence[Ask], *, when: When = "", rows: float | None = None) -> None:
        if key not in self.done:
            self.steps.append(Step(key=key, rung=rung, title=title, amount=self.pricing.amount(asks), when=when, rows=rows))

    def _build(self, rung: str) -> None:
        if known := self.known.get(rung):
            self.likely[rung] = _as_built(known.candidate, self.task)
            return
        foreseen = rung_named(rung).foresee(self.pricing.task, self._parent(rung), self.pricing.context)
        self.likely[rung] = foreseen
        taken = self.begun.get(rung, 0)
        asks = [replace(ask, done=taken) if isinstance(ask, Training) else ask for ask in foreseen.asks]
        self._add(f"built/{rung}", rung, "build", asks)

    def _gate(self, rung: str) -> None:
        if rung == self.task.quality.other:
            return
        if self.alpha.by_dev:
            self._add(f"allotted/{rung}", rung, "its chance by dev", self._shared(rung))
        known, key = self.known.get(rung), f"judged/{rung}"
        for when in ENDINGS if key not in self.done else ():
            rows = gate_rows(self.task, self._alpha(rung, when), when, known.dev if known else None)
            before = dict(self.pricing.asked)
            self._add(key, rung, "gate", self._judged(self.likely[rung], rows), when=when, rows=rows.expected)
            self.pricing.asked = before

    def _alpha(self, rung: str, when: When) -> float:
        known = self.known.get(rung)
        if known and known.alpha is not None:
            return known.alpha
        return self.alpha.likely if when == "pass" else self.alpha.equal

    def _shared(self, rung: str) -> list[Answers]:
        """Dev rows by which a rung's share of alpha is fixed; a search has asked most of them."""
        known = self.known.get(rung)
        return self.likely[rung].asked("dev", dev_rows(most_of_dev(self.task, rung), known.dev if known else None))

    def _judged(self, foreseen: Foreseen, rows: Span) -> list[Ask]:
        """The Candidate on test, and where the bar is relative, what it is compared with; where waits are limited, some alone."""
        rows = _in_batches(rows, len(self.task.split("test"))) if self.task.batch else rows
        asks: list[Ask] = [*foreseen.asked("gate", rows, split="test", at_once=LOOK_EVERY)]
        if not asks:
            return []
        for name in set(baselines_of(self.task).values()) & set(self.likely):
            asks += self.likely[name].asked("gate", rows, split="test", at_once=LOOK_EVERY)
        if self.task.limits.p95_latency_s is not None:
            asks += foreseen.asked("waits", Span.of(WAIT_ROWS), split="test", at_once=1, kept=False)
        return asks

    def _diagnosis(self) -> bool:
        parent = next((seen.likely for seen in reversed(self.likely.values()) if seen.likely), None)
        if "diagnosed" not in self.done:
            asks = foresee_diagnosis(self.pricing.task, self.pricing.context, parent)
            self._add("diagnosed", "", "what is missing", asks)
        return True

    def _simplify(self, rung: str) -> None:
        """What passed in cheaper forms, each before the gate; where they share a rung's alpha, each as if it held."""
        foreseen, key = self.likely[rung], f"simplified/{rung}"
        if foreseen.likely is None or rung == self.task.quality.other or key in self.done:
            return
        known = self.known.get(rung)
        # One that passed may lose a little in a cheaper form, or nothing: how that ends is open.
        rows = gate_rows(self.task, self._alpha(rung, "pass"), "" if known else "pass", known.dev if known else None)
        forms = _cheaper(foreseen, self.pricing)
        asks = [ask for form in forms for ask in self._judged(form, rows)]
        self._add(key, rung, "cheaper forms", asks, rows=rows.expected * len(forms))

    def _measure(self, rung: str) -> None:
        rows = float(len(self.task.split("dev")))
        self._add(f"measured/{rung}", rung, "all of dev", self.likely[rung].asked("dev", Span.of(rows)))

    def _parent(self, rung: str) -> Candidate | None:
        if not rung_named(rung).stacks:
            return None
        below = [self.likely[name].likely for name in self.rungs if name in self.likely and rung_named(name).stacks]
        return below[-1] if below else None


def _as_built(candidate: Candidate, task: Task) -> Foreseen:
    """A rung that is built: nothing is to be asked for that any more, and what will be asked is the Candidate itself."""
    adapter = candidate.adapters != task.base_adapters
    if candidate.base_reference.is_linear:
        return Foreseen(asks=())
    return Foreseen(asks=(), likely=candidate, adapter=adapter, heavier=WITH_ADAPTER if adapter else 1.0)


def _in_batches(rows: Span, total: int) -> Span:
    """What is handed in for as many: all up to the end of the batch in which the gate stops looking."""
    ends = slices(total).values()
    least, expected, most = (
        float(next((end for end in ends if end >= value), total)) for value in (rows.least, rows.expected, rows.most)
    )
    return Span(least=least, expected=expected, most=most)


def _cheaper(foreseen: Foreseen, pricing: Pricing) -> list[Foreseen]:
    """The forms in which it is tried, none asked on test before; a smaller adapter takes as long as the whole."""
    likely, context = foreseen.likely, pricing.context
    assert likely is not None
    forms = [form for _, form in simpler(likely, context.blobs, context.work, below=likely.adapters)]
    found = [replace(foreseen, likely=form) for form in forms]
    return [*found, replace(foreseen, made="simplified")] if foreseen.adapter else found


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
