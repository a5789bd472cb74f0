"""What is missing? The probes are run on dev, one change at a time, and their figures put together by `causes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rung import plugins
from rung.climb.diagnosis.attribution import RESOURCES, Patient, ProbeReading, flips, most_reached, rank, read_arm
from rung.climb.diagnosis.case import Case, Evidence, open_case, threshold, with_tried
from rung.climb.diagnosis.diagnosis import Diagnosis, diagnosed
from rung.disk import scratch
from rung.errors import UserError
from rung.rungs.base import BuildContext, why_skipped
from rung.types import Candidate, Progress, Task

if TYPE_CHECKING:
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a climb has found out already: the prompt rung's Candidate, and each rung's status at the gate."""

    parent: Candidate | None = None
    statuses: Mapping[str, str] = field(default_factory=dict)


def diagnose(task: Task, home: Home, *, progress: Progress) -> Diagnosis:
    """The diagnosis of a task that is not (yet) climbed. Looks at train and dev, never at gate; answers are kept.

    Raises UserError for settings that are wrong, before anything is asked.
    """
    from rung.climb.fits import refuse_long_rows
    from rung.climb.runtime import runtime_for
    from rung.rungs.settings import check_settings

    check_settings(task)
    check_probe_settings(task)
    refuse_long_rows(task, home.path)
    with scratch(home.path / "climbs") as work:
        return diagnose_on(task, BuildContext(task, runtime_for(task, home), work, progress), Known())


def diagnose_on(task: Task, context: BuildContext, known: Known) -> Diagnosis:
    """The same with what a climb has to work with."""
    case = open_case(task, context, known.parent)
    readings = []
    for name in in_order():
        module = plugins.load("probes", name)
        evidence = _run(module, case, name)
        case = with_tried(case, evidence)
        readings.append(_reading(name, module, evidence, case))
    return diagnosed(_patient(case, known), readings)


def in_order() -> list[str]:
    """The probes, the cheapest cause first; those that only report come last."""
    return sorted(plugins.names("probes"), key=lambda name: (rank(plugins.load("probes", name).CAUSE), name))


def foreseen(task: Task) -> dict[str, str]:
    """The probes, and why each does not apply; "" where it will be run."""
    loaded = {name: plugins.load("probes", name) for name in in_order()}
    return {name: _no_probe(task, name, module) for name, module in loaded.items()}


def _no_probe(task: Task, name: str, module: ModuleType) -> str:
    return "the task file skips it" if task.probes.of.get(name, {}).get("skip") else str(module.applies(task))


def check_probe_settings(task: Task) -> None:
    """Raises UserError, with the lines of the task file, for what is wrong with the settings of any probe."""
    from rung.task.positions import error_in
    from rung.verify.problems import Problem, problems_of

    problems = []
    for name in plugins.names("probes"):
        config = plugins.load("probes", name).Config
        settings = task.probes.of.get(name, {})
        if not isinstance(settings.get("skip", False), bool):
            problems.append(Problem(("probes", name, "skip"), f"'skip' cannot be {settings['skip']!r}: it is true or false"))
        try:
            config.model_validate(_own(settings))
        except ValidationError as error:
            found = problems_of(error, config, also_known=("skip",))
            problems += [Problem(("probes", name, *problem.path), problem.text) for problem in found]
    if problems:
        raise error_in(task.path, problems)


def _own(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "skip"}


def _run(module: ModuleType, case: Case, name: str) -> Evidence:
    if reason := _no_probe(case.task, name, module):
        return Evidence(reason=reason)
    settings = case.task.probes.of.get(name, {})
    try:
        with case.context.progress.stage(f"Probing: {module.TITLE}"):
            found: Evidence = module.probe(case, module.Config.model_validate(_own(settings)))
    except UserError as error:
        # A passage or demonstrations that the base has no room for, a server that refuses: no more than a gap.
        case.context.progress.note(f"{name}: {error.problem}")
        return Evidence(reason=error.problem)
    return found


def _reading(name: str, module: ModuleType, evidence: Evidence, case: Case) -> ProbeReading:
    below = threshold(case.task)
    return ProbeReading(
        name=name,
        title=module.TITLE,
        cause=module.CAUSE,
        arms=tuple(read_arm(arm, case.sample, below) for arm in evidence.arms if arm.places),
        flips=flips(evidence.arms, case.sample, below),
        most=most_reached(evidence.arms, case.sample) if module.CAUSE in RESOURCES else None,
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
        rungs=tuple(name for name in plugins.names("rungs") if not why_skipped(case.task, name)),
        verbatim=case.task.quality.scorer == "exact",
    )
