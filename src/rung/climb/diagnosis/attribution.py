"""From what the probes measured to what is missing: pure, so that it can be tested without a model.

The leading cause is the cheapest whose probe reaches the bar on dev, not the one of the largest lift. Where none does, it is
"labels" if no answerer can reach the bar; else documents or tools, where they close at least half of the gap; else "skill", by
elimination. Where labels seem to contradict each other, a probe of what the task gives could not run, or there are too few rows, it
stays "unexplained".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rung.climb.diagnosis.case import CLAIM_LEVEL, LOOKS, SKIP_ERROR, Arm, Sample, fails
from rung.registry.documents import ArmReading, Attribution
from rung.rungs.base import ladder, mending, rung_named
from rung.rungs.causes import LABELS, SKILL, SOLVED, UNEXPLAINED, Cause

# What is shown beside a lift: a 95% interval.
SHOWN_LEVEL = 0.025
# A rung searches for its best form on dev, a probe tries one or two: it is only skipped where the bar lies further above than this.
SEARCH_MARGIN = 0.10
FEWEST_ROWS = 20
FEWEST_FAILURES = 5


def causes() -> tuple[Cause, ...]:
    """Every cause, in the order in which failures are put down to them: those of the cheapest rung first."""
    mended = [cause for rung in ladder() for cause in rung.mends]
    return tuple(dict.fromkeys([*mended, LABELS, UNEXPLAINED]))


def rung_of(cause: Cause) -> str | None:
    """The rung that mends a cause; None where none does."""
    rung = mending(cause)
    return rung.name if rung else None


def resources() -> list[Cause]:
    """Causes that are mended with what the task itself gives."""
    return [cause for cause in causes() if cause.resource]


@dataclass(frozen=True, kw_only=True)
class ProbeReading:
    """What a probe came to.

    arms     in the probe's order
    asked    places in the sample that every arm that shows the cause was asked at
    flips    those whose failure some such arm turned right
    most     the upper bound, at this probe's share of SKIP_ERROR, on what any such arm reaches; None where it bounds nothing
    ceiling  the upper bound on what anything reaches; `likely_ceiling` is the estimate
    said     its figures beside a lift, in words
    """

    name: str
    title: str
    cause: Cause | None
    arms: tuple[ArmReading, ...] = ()
    asked: frozenset[int] = frozenset()
    flips: frozenset[int] = frozenset()
    most: float | None = None
    ceiling: float | None = None
    likely_ceiling: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    reason: str = ""

    @property
    def ran(self) -> bool:
        return bool(self.arms or self.facts)

    @property
    def main(self) -> ArmReading | None:
        """Of the arms that show the cause, the one that reaches highest; the first of equals."""
        return max((arm for arm in self.arms if arm.shows), key=lambda arm: arm.after, default=None)


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What is known beside the probes.

    n, failures  sampled dev rows, and how many of them the plain instruction fails; `of` says the same of the rows sampled from
    plain        its mean over dev
    bar          the mean that is to be reached; None where it is not known
    failed       rungs that the gate has shown to be below the bar
    rungs        rungs that apply to the task
    verbatim     whether the check wants the target and not a word beside it
    by           what the means are, where they are not mean scores of all rows: the bar is on something else
    """

    n: int
    failures: int
    failing: tuple[bool, ...]
    of: Mapping[str, int]
    plain: float
    bar: float | None
    failed: frozenset[str] = frozenset()
    rungs: tuple[str, ...] = ()
    verbatim: bool = False
    by: str = ""


def read_arm(arm: Arm, sample: Sample, below: float) -> ArmReading:
    """An arm's numbers. A missing score counts as wrong in a mean and towards the lower bound, as right towards the upper."""
    strata = sample.strata.take(arm.places)
    after, before = _filled(arm.values, 0.0), _filled(arm.against, 0.0)
    lower = strata.difference_bounds(after, _filled(arm.against, 1.0), SHOWN_LEVEL)[0]
    upper = strata.difference_bounds(_filled(arm.values, 1.0), before, SHOWN_LEVEL)[1]
    pairs = [(fails(sample.before[place], below), fails(value, below)) for place, value in zip(arm.places, arm.values, strict=True)]
    return ArmReading(
        name=arm.name,
        before=strata.mean(before),
        after=strata.mean(after),
        lift=strata.mean(after) - strata.mean(before),
        lower=lower,
        upper=upper,
        n=len(arm.places),
        flipped=sum(failed and not fails_now for failed, fails_now in pairs),
        broken=sum(fails_now and not failed for failed, fails_now in pairs),
        p=_sign_p(after, before, strata.groups),
        shows=arm.shows,
        holding=_holding(arm, sample, below),
        of=arm.of,
    )


def _holding(arm: Arm, sample: Sample, below: float) -> int:
    if not arm.texts:
        return 0
    asked = zip(arm.places, arm.values, arm.texts, strict=True)
    return sum(fails(value, below) and holds_target(sample.examples[place].target, text or "") for place, value, text in asked)


def holds_target(target: Any, text: str) -> bool:
    """Whether a text holds a target, or one of several, as whole words, in whatever case."""
    texts = target if isinstance(target, list | tuple) else [target]
    wanted = (re.escape(" ".join(one.split())) for one in texts if isinstance(one, str) and one.strip())
    return any(re.search(rf"(?<!\w){one}(?!\w)", " ".join(text.split()), re.IGNORECASE) for one in wanted)


def _sign_p(after: Sequence[float], before: Sequence[float], groups: Sequence[str]) -> float:
    """The sign test, after Arbuthnot (1710), on the clusters' net lifts; McNemar's where every row stands alone."""
    from scipy.stats import binom

    from rung.verify.stats.clusters import labels

    net: dict[int, float] = {}
    for cluster, now, then in zip(labels(groups), after, before, strict=True):
        net[cluster] = net.get(cluster, 0.0) + now - then
    won, lost = sum(value > 1e-9 for value in net.values()), sum(value < -1e-9 for value in net.values())
    return float(binom.sf(won - 1, won + lost, 0.5)) if won else 1.0


def asked(arms: Sequence[Arm]) -> frozenset[int]:
    """The places at which every arm that shows its probe's cause was asked."""
    places = [frozenset(arm.places) for arm in arms if arm.shows and arm.places]
    return frozenset.intersection(*places) if places else frozenset()


def flips(arms: Sequence[Arm], sample: Sample, below: float) -> frozenset[int]:
    """The places whose failure an arm that shows its probe's cause turned right."""
    return frozenset(
        place
        for arm in arms
        if arm.shows
        for place, value in zip(arm.places, arm.values, strict=True)
        if fails(sample.before[place], below) and not fails(value, below)
    )


def most_reached(arms: Sequence[Arm], sample: Sample) -> float | None:
    """The upper bound on the best of the arms, at a claim's share of SKIP_ERROR; rows of which it is not known count as right."""
    shown = [arm for arm in arms if arm.shows and arm.places]
    if not shown:
        return None
    level = CLAIM_LEVEL / len(shown) / LOOKS
    return max(sample.strata.take(arm.places).mean_bounds(arm.best_case, level)[1] for arm in shown)


def _filled(values: Sequence[float | None], missing: float) -> list[float]:
    return [missing if value is None else value for value in values]


def leading(patient: Patient, probes: Sequence[ProbeReading]) -> Cause:
    """The leading cause; see the module's docstring."""
    shown = [cause for cause in causes() if rung_of(cause) and not cause.eliminated]
    reached = [cause for cause in shown if _reaches(cause, patient, probes)]
    if reached:
        return reached[0]
    if unreachable(patient, probes):
        return LABELS
    if patient.n < FEWEST_ROWS or patient.failures < FEWEST_FAILURES:
        return UNEXPLAINED
    partial = [(probe.main.lift, probe.cause) for probe in probes if _closes_half(probe, patient) and probe.main and probe.cause]
    if partial:
        return max(partial, key=lambda pair: pair[0])[1]
    return UNEXPLAINED if silent(patient, probes) or doubtful(patient, probes) else SKILL


def silent(patient: Patient, probes: Sequence[ProbeReading]) -> list[ProbeReading]:
    """Probes of what the task gives (documents, tools) that could not tell anything."""
    return [probe for probe in probes if _resource_rung(probe) in patient.rungs and not probe.main]


def _resource_rung(probe: ProbeReading) -> str | None:
    """The rung that mends what a probe of the task's own resources shows; None of any other probe."""
    return rung_of(probe.cause) if probe.cause and probe.cause.resource else None


def _reaches(cause: Cause, patient: Patient, probes: Sequence[ProbeReading]) -> bool:
    """Whether the cause's probe comes to the bar, and the gate has not shown its rung to be below it.

    Without a known bar: whether it lifts at all. SOLVED is the plain instruction itself.
    """
    if rung_of(cause) in patient.failed:
        return False
    if cause == SOLVED:
        return patient.bar is not None and patient.plain >= patient.bar
    mains = [probe.main for probe in probes if probe.cause == cause and probe.main]
    return any(main.p <= SHOWN_LEVEL if patient.bar is None else main.after >= patient.bar for main in mains)


def _closes_half(probe: ProbeReading, patient: Patient) -> bool:
    """A lift that is no chance, of at least half of what the plain instruction lacks: an adapter cannot supply what that brings."""
    main = probe.main
    if main is None or patient.bar is None or main.p > SHOWN_LEVEL or not (probe.cause and probe.cause.resource):
        return False
    return main.lift >= (patient.bar - patient.plain) / 2


def unreachable(patient: Patient, probes: Sequence[ProbeReading]) -> float | None:
    """The upper bound on what anything can score, where it is below the bar: a word on mean scores, and on no other bar."""
    found = min((probe.ceiling for probe in probes if probe.ceiling is not None), default=1.0)
    return found if patient.bar is not None and found < patient.bar and not patient.by else None


def doubtful(patient: Patient, probes: Sequence[ProbeReading]) -> float | None:
    """The estimate of what anything can score, where it is below the bar, but too few labels are repeated to prove it."""
    found = min((probe.likely_ceiling for probe in probes if probe.likely_ceiling is not None), default=1.0)
    return found if patient.bar is not None and found < patient.bar and not patient.by else None


def attribution(patient: Patient, probes: Sequence[ProbeReading]) -> tuple[Attribution, ...]:
    """Failures by the cheapest cause whose probe turns them right, each once; then what is left.

    Of the failures that every such probe was asked at: of the others it is not known.
    """
    shown = [probe for probe in sorted(probes, key=cost) if probe.cause and probe.main]
    left = {place for place, failing in enumerate(patient.failing) if failing}.intersection(*(probe.asked for probe in shown))
    failures = len(left)
    lines = []
    for probe in shown:
        assert probe.cause
        taken = left & probe.flips
        left -= taken
        lines.append(_line(probe.cause, probe.name, len(taken), failures))
    return (*lines, _line(UNEXPLAINED, "", len(left), failures))


def _line(cause: Cause, probe: str, flipped: int, failures: int) -> Attribution:
    share = flipped / failures if failures else 0.0
    return Attribution(cause=cause.name, probe=probe, flipped=flipped, share=share)


def skips(patient: Patient, probes: Sequence[ProbeReading]) -> dict[str, str]:
    """Rungs that cannot reach the bar, and why: only on upper bounds."""
    if patient.bar is None:
        return {}
    ceiling = unreachable(patient, probes)
    if ceiling is not None and leading(patient, probes) == LABELS:
        reason = (
            f"labels contradict each other: nothing can score more than {ceiling:.1%}, and the bar is {patient.bar:.1%} "
            f"(wrong at most {SKIP_ERROR:.0%} of the time)"
        )
        return {rung: reason for rung in patient.rungs if not rung_named(rung).cheap}
    if sum(rung_of(cause) in patient.rungs for cause in resources()) > 1:
        # Documents and tools stack: what neither reaches by itself, both may.
        return {}
    found = {}
    for probe in probes:
        rung = _resource_rung(probe)
        if rung is None or rung not in patient.rungs or probe.most is None or probe.main is None:
            continue
        if probe.most + SEARCH_MARGIN < patient.bar:
            found[rung] = (
                f"with {probe.main.name} dev comes to {probe.main.after:.1%}, at most {probe.most:.1%}, and the bar is "
                f"{patient.bar:.1%} (wrong at most {SKIP_ERROR:.0%} of the time){_unknown_calls(probe)}"
            )
    return found


def _unknown_calls(probe: ProbeReading) -> str:
    """What the user can do where a base that was never shown a call made none."""
    return (
        "; no row says which calls are right (data.columns.calls): worked ones may teach it"
        if probe.facts.get("calls_known") == 0
        else ""
    )


def cost(probe: ProbeReading) -> tuple[int, str]:
    """Cheapest cause first."""
    return rank(probe.cause), probe.name


def rank(cause: Cause | None) -> int:
    """A cause's place among all; probes without one only report, and come last."""
    known = causes()
    return known.index(cause) if cause in known else len(known)
