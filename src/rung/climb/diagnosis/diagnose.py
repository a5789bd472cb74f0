"""What is missing? The probes are run on dev, one change at a time, and their figures put together by `causes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.climb.diagnosis.attribution import SEARCH_MARGIN, Patient, ProbeReading, asked, flips, most_reached, read_arm
from rung.climb.diagnosis.case import Case, Evidence, foreseen_case, open_case, threshold, with_tried
from rung.climb.diagnosis.diagnosis import Diagnosis, diagnosed, untold
from rung.climb.diagnosis.probe import Probe, probes
from rung.climb.preflight import preflight
from rung.disk import scratch
from rung.errors import UserError
from rung.rungs.asks import Ask
from rung.rungs.base import BuildContext, ladder
from rung.types import Candidate, Progress, Task
from rung.verify.choosing import described
from rung.verify.scoring import scorer_of

if TYPE_CHECKING:
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a climb has found out already: the prompt rung's Candidate, and each rung's status on quality at the gate."""

    parent: Candidate | None = None
    statuses: Mapping[str, str] = field(default_factory=dict)


def diagnose(task: Task, home: Home, *, progress: Progress) -> Diagnosis:
    """The diagnosis of a task that is not (yet) climbed. Looks at train and dev, never at test; answers are kept.

    Raises UserError, before anything is asked; see `preflight`.
    """
    from rung.climb.runtime import runtime_for

    preflight(task, home, progress)
    with scratch(home.path / "climbs") as work:
        return diagnose_on(task, BuildContext(task, runtime_for(task, home), work, progress), Known())


def diagnose_on(task: Task, context: BuildContext, known: Known) -> Diagnosis:
    """The same with what a climb has to work with."""
    case = open_case(task, context, known.parent)
    if case.mute and len(case.sample):
        return untold(_patient(case, known), case.mute)
    readings = []
    for probe in probes():
        evidence = _run(probe, case)
        case = with_tried(case, evidence)
        readings.append(_reading(probe, evidence, case))
    return diagnosed(_patient(case, known), readings)


def foreseen(task: Task) -> dict[str, str]:
    """The probes, and why each does not apply; "" where it will be run."""
    return {probe.name: probe.why_skipped(task) for probe in probes()}


def foresee(task: Task, context: BuildContext, parent: Candidate | None) -> list[Ask]:
    """What a diagnosis will ask, on what the prompt rung is likely to choose. Asks nothing."""
    case, opening = foreseen_case(task, context, parent)
    taken = [probe for probe in probes() if not probe.why_skipped(task)]
    return [opening, *[ask for probe in taken for ask in probe.foresee(_with_margin(case, probe))]]


def _run(probe: Probe, case: Case) -> Evidence:
    if reason := probe.why_skipped(case.task):
        return Evidence(reason=reason)
    try:
        with case.context.progress.stage(f"Probing: {probe.title}"):
            return probe.run(_with_margin(case, probe))
    except UserError as error:
        # A passage or demonstrations that the base has no room for, a server that refuses: no more than a gap.
        case.context.progress.note(f"{probe.name}: {error.problem}")
        return Evidence(reason=error.problem)


def _with_margin(case: Case, probe: Probe) -> Case:
    return replace(case, margin=SEARCH_MARGIN if probe.cause and probe.cause.resource else 0.0)


def _reading(probe: Probe, evidence: Evidence, case: Case) -> ProbeReading:
    below = threshold(case.task)
    return ProbeReading(
        name=probe.name,
        title=probe.title,
        cause=probe.cause,
        arms=tuple(read_arm(arm, case.sample, below) for arm in evidence.arms if arm.places),
        asked=asked(evidence.arms),
        flips=flips(evidence.arms, case.sample, below),
        most=most_reached(evidence.arms, case.sample) if probe.cause and probe.cause.resource else None,
        ceiling=evidence.ceiling,
        likely_ceiling=evidence.likely_ceiling,
        facts=evidence.facts,
        said=evidence.said,
        reason=evidence.reason,
    )


def _patient(case: Case, known: Known) -> Patient:
    strata = case.sample.strata
    return Patient(
        n=len(case.sample),
        failures=sum(strata.inside),
        failing=strata.inside,
        of={"n": strata.total, "failures": strata.first},
        plain=strata.mean([value or 0.0 for value in case.sample.before]),
        bar=case.bar,
        failed=frozenset(rung for rung, status in known.statuses.items() if status == "fail"),
        rungs=tuple(rung.name for rung in ladder() if not rung.why_skipped(case.task)),
        verbatim=scorer_of(case.task).verbatim,
        by=described(case.task),
    )
