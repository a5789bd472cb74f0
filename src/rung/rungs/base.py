"""What every rung rests on: its place in the ladder, whether it applies, the rows that it may learn from, the room of an answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rung import plugins
from rung.engine.runtime import Runtime
from rung.errors import UserError
from rung.rungs.asks import Foreseen
from rung.rungs.causes import Cause
from rung.storage import Blobs
from rung.types import Candidate, Example, Progress, Row, Run, Task
from rung.verify.alpha import AlphaPlan, plan_alpha
from rung.verify.run import evaluate, random_order

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One thing that a rung told of its own building, for the report: a trial, a finding, a line of training history."""

    kind: str
    figures: Mapping[str, Any]


class BuildContext:
    """What a rung is given to build with: a store, a folder that survives a crash, a way to measure, and a place to report to.

    What a build records is kept in `records` until the build is stored as a whole. `answered` holds the rows of dev that its trials
    were asked, by Candidate and example: they are scored once. `leaves` hears of what leaves this machine, before it does.
    """

    def __init__(
        self,
        task: Task,
        runtime: Runtime,
        work: Path,
        progress: Progress,
        leaves: Callable[[Mapping[str, Any]], object] = lambda _what: None,
    ) -> None:
        self.task, self.runtime, self.work, self.progress = task, runtime, work, progress
        self.leaves = leaves
        self.blobs: Blobs = runtime.blobs
        self.records: list[Recorded] = []
        self.answered: dict[str, dict[str, Row]] = {}
        work.mkdir(parents=True, exist_ok=True)

    def measure(
        self,
        candidate: Candidate,
        split: str = "dev",
        limit: int | None = None,
        *,
        among: Collection[str] | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """The Candidate's Run on (a random sample of `limit` rows of) a split that may be looked at freely.

        `among` names the only rows that count; `progress` is shown in place of the build's own.
        Raises UserError for the test split: only the gate itself looks there.
        """
        if split == "test":
            raise UserError("a rung must not look at the test split")
        rows = [row for row in random_order(self.task, split) if among is None or row.id in among][:limit]
        return evaluate(self.task, candidate, split, rows, self.runtime, progress or self.progress)

    def record(self, kind: str, fact: Mapping[str, Any]) -> None:
        """Keep a fact of this build for the report: a `trial` on dev, a line of training `history`."""
        self.records.append(Recorded(kind=kind, figures=dict(fact)))


@dataclass(frozen=True)
class Rung:
    """What a rung says of itself; see `rung.rungs`. Each is read off its module when it is asked for."""

    name: str
    module: ModuleType

    @property
    def title(self) -> str:
        return str(self.module.TITLE)

    @property
    def undo(self) -> str:
        return str(self.module.UNDO)

    @property
    def alone(self) -> str:
        """What passes where nothing dearer is needed, in words."""
        return str(getattr(self.module, "ALONE", f"the {self.title} alone"))

    @property
    def cheap(self) -> bool:
        """Whether it is tried before it is asked what is missing."""
        return bool(getattr(self.module, "CHEAP", False))

    @property
    def by_request(self) -> bool:
        """Whether no climb speaks of it unless the task gives it settings."""
        return bool(getattr(self.module, "BY_REQUEST", False))

    @property
    def mends(self) -> tuple[Cause, ...]:
        """The causes that it mends, the cheapest first."""
        return tuple(getattr(self.module, "MENDS", ()))

    @property
    def learns(self) -> bool:
        """Whether it trains on rows, so that it has a learning curve."""
        return bool(getattr(self.module, "LEARNS", False))

    @property
    def trains(self) -> bool:
        """Whether it trains weights that are here: `epochs`, `batch_rows`, `learning_rate` and `train_rows` are settings of it."""
        return self.learns and bool(getattr(self.module, "NEEDS_WEIGHTS", False))

    def learnt(self, task: Task) -> list[Example]:
        """The train rows that it learns from: those with a target, or the sample that it says itself."""
        rows: list[Example] = self.module.learnt(task) if hasattr(self.module, "learnt") else labelled(task)
        return rows

    @property
    def stacks(self) -> bool:
        """Whether it builds on the nearest rung below that stacks as well."""
        return bool(getattr(self.module, "STACKS", True))

    def settings_kind(self, given: Mapping[str, Any]) -> type[BaseModel] | None:
        """What checks these settings of it: its Config, or what it says itself that some of them call for (`config_for`)."""
        if hasattr(self.module, "config_for"):
            kind: type[BaseModel] = self.module.config_for(given)
            return kind
        return getattr(self.module, "Config", None)

    def applies(self, task: Task) -> str:
        """Why it could not be built for this task, or "" where it can be."""
        if getattr(self.module, "NEEDS_WEIGHTS", False) and (reason := task.base_reference.why_not_trainable):
            return reason
        return str(self.module.applies(task))

    def why_skipped(self, task: Task) -> str:
        """Why a climb leaves it out, or "" where it will not."""
        if task.settings.get(self.name, {}).get("skip"):
            return "the task file skips it"
        return self.applies(task)

    def build(self, task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
        """The frozen Candidate."""
        built: Candidate = self.module.build(task, parent, context)
        return built

    def foresee(self, task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
        """What building it will ask, on the likely Candidate of the rung below. Asks nothing itself."""
        foreseen: Foreseen = self.module.foresee(task, parent, context)
        return foreseen


@cache
def ladder() -> tuple[Rung, ...]:
    """Every rung, the cheapest first: by the ORDER that each gives itself, those of one ORDER by name."""
    rungs = [Rung(name, plugins.load("rungs", name)) for name in plugins.names("rungs")]
    return tuple(sorted(rungs, key=lambda rung: (rung.module.ORDER, rung.name)))


def offered(task: Task) -> tuple[Rung, ...]:
    """The rungs that a climb of this task speaks of, the cheapest first."""
    return tuple(rung for rung in ladder() if not rung.by_request or rung.name in task.settings)


def rung_named(name: str) -> Rung:
    """The rung of this name. Raises UserError, with the nearest name, where there is none."""
    plugins.load("rungs", name)
    return next(rung for rung in ladder() if rung.name == name)


def mending(cause: Cause) -> Rung | None:
    """The cheapest rung that mends a cause; None where none does."""
    return next((rung for rung in ladder() if cause in rung.mends), None)


def why_not_mended(task: Task, cause: Cause) -> str:
    """Why no rung could mend a cause on this task, or "" where one could."""
    rung = mending(cause)
    return rung.applies(task) if rung else f"no rung mends {cause.name}"


def why_skipped(task: Task, rung: str) -> str:
    """Why a climb leaves this rung out, or "" where it will not."""
    return rung_named(rung).why_skipped(task)


def plan_of_alpha(task: Task) -> AlphaPlan:
    """The shares of alpha of each rung that applies in the first climb on a task's test rows."""
    return plan_alpha(task, [rung.name for rung in ladder() if not rung.why_skipped(task)])


def labelled(task: Task) -> list[Example]:
    """The train rows that have a target: some scorers can judge an answer without one."""
    return [row for row in task.split("train") if row.target is not None]


def longest_answer(task: Task) -> int:
    """Tokens for the longest target, generously: a token holds two characters or more of any language that a base reads well.

    256 where no train row has a target.
    """
    from rung.verify.scoring import target_text

    return 16 + max((len(target_text(task, row)) for row in labelled(task)), default=480) // 2
