"""What a probe says of itself, its place among the others, and what is wrong with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rung import plugins
from rung.climb.diagnosis.attribution import rank
from rung.rungs.asks import Ask
from rung.rungs.causes import Cause
from rung.rungs.settings import validated
from rung.types import Task

if TYPE_CHECKING:
    from rung.climb.diagnosis.case import Case, Evidence
    from rung.verify.problems import Problem


@dataclass(frozen=True)
class Probe:
    """One change to how the base is asked; see `rung.climb.diagnosis.probes`."""

    name: str
    module: ModuleType

    @property
    def title(self) -> str:
        return str(self.module.TITLE)

    @property
    def cause(self) -> Cause | None:
        """The cause that a lift points at; None where the probe only reports."""
        cause: Cause | None = self.module.CAUSE
        return cause

    def why_skipped(self, task: Task) -> str:
        """Why it is not run on this task, or "" where it is."""
        return "the task file skips it" if self._given(task).get("skip") else str(self.module.applies(task))

    def problems(self, task: Task) -> list[Problem]:
        """What is wrong with its settings, each at its place in the task file."""
        return validated(self._given(task), self.module.Config, ("probes", self.name))[1]

    def run(self, case: Case) -> Evidence:
        """What came of it."""
        config, _ = validated(self._given(case.task), self.module.Config, ("probes", self.name))
        evidence: Evidence = self.module.probe(case, config)
        return evidence

    def foresee(self, case: Case) -> list[Ask]:
        """What it will ask of such a case; nothing, where it does not say so."""
        if not hasattr(self.module, "foresee"):
            return []
        config, _ = validated(self._given(case.task), self.module.Config, ("probes", self.name))
        return list(self.module.foresee(case, config))

    def _given(self, task: Task) -> Mapping[str, Any]:
        return task.probes.of.get(self.name, {})


@cache
def probes() -> tuple[Probe, ...]:
    """Every probe, the cheapest cause first; those that only report come last."""
    found = [Probe(name, plugins.load("probes", name)) for name in plugins.names("probes")]
    return tuple(sorted(found, key=lambda probe: (rank(probe.cause), probe.name)))


def probe_problems(task: Task) -> list[Problem]:
    """What is wrong with the settings of any probe, each at its place in the task file."""
    return [problem for probe in probes() for problem in probe.problems(task)]
