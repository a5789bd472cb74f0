"""What every rung rests on: its place in the ladder, whether it applies, the rows that it may learn from, the room of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rung import plugins
from rung.rungs.causes import Cause
from rung.types import Bench, Candidate, Example, Task
from rung.verify.alpha import AlphaPlan, plan_alpha

if TYPE_CHECKING:
    from rung.engine.retrieval.retriever import Retriever


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
    def cheap(self) -> bool:
        """Whether it is tried before it is asked what is missing."""
        return bool(getattr(self.module, "CHEAP", False))

    @property
    def mends(self) -> tuple[Cause, ...]:
        """The causes that it mends, the cheapest first."""
        return tuple(getattr(self.module, "MENDS", ()))

    @property
    def learns(self) -> bool:
        """Whether it trains on rows, so that it has a learning curve."""
        return bool(getattr(self.module, "LEARNS", False))

    @property
    def stacks(self) -> bool:
        """Whether it builds on the nearest rung below that stacks as well."""
        return bool(getattr(self.module, "STACKS", True))

    def why_skipped(self, task: Task) -> str:
        """Why a climb leaves it out, or "" where it will not."""
        if task.settings.get(self.name, {}).get("skip"):
            return "the task file skips it"
        if getattr(self.module, "NEEDS_WEIGHTS", False) and (reason := is_remote(task.base)):
            return reason
        return str(self.module.applies(task))

    def build(self, task: Task, parent: Candidate | None, bench: Bench) -> Candidate:
        """The frozen Candidate."""
        built: Candidate = self.module.build(task, parent, bench)
        return built

    def forecast(self, task: Task, speeds: Any) -> tuple[float | None, int | None]:
        """Seconds and bytes that building and gating it takes; None where that is not known."""
        seconds, size = self.module.forecast(task, speeds)
        return seconds, size


@cache
def ladder() -> tuple[Rung, ...]:
    """Every rung, the cheapest first: by the ORDER that each gives itself, those of one ORDER by name."""
    rungs = [Rung(name, plugins.load("rungs", name)) for name in plugins.names("rungs")]
    return tuple(sorted(rungs, key=lambda rung: (rung.module.ORDER, rung.name)))


def rung_named(name: str) -> Rung:
    """The rung of this name. Raises UserError, with the nearest name, where there is none."""
    plugins.load("rungs", name)
    return next(rung for rung in ladder() if rung.name == name)


def mending(cause: Cause) -> Rung | None:
    """The cheapest rung that mends a cause; None where none does."""
    return next((rung for rung in ladder() if cause in rung.mends), None)


def why_skipped(task: Task, rung: str) -> str:
    """Why a climb leaves this rung out, or "" where it will not."""
    return rung_named(rung).why_skipped(task)


def plan_of_alpha(task: Task) -> AlphaPlan:
    """The shares of alpha in a climb of this task: of each rung that applies, and of cheaper forms of what passed."""
    return plan_alpha(task, [rung.name for rung in ladder() if not rung.why_skipped(task)])


def is_remote(base: str) -> str:
    """Why a base cannot be trained here, or "" where it can."""
    if base.startswith(("http://", "https://")):
        return "the base answers over HTTP: its weights are not here to train"
    return "the base is a script: it has no weights to train" if base.startswith("scripted:") else ""


def labelled(task: Task) -> list[Example]:
    """The train rows that have a target: some scorers can judge an answer without one."""
    return [row for row in task.split("train") if row.target is not None]


def longest_answer(task: Task) -> int:
    """Tokens for the longest target, generously: a token holds two characters or more of any language that a base reads well.

    256 where no train row has a target.
    """
    from rung.verify.scoring import target_text

    return 16 + max((len(target_text(task, row)) for row in labelled(task)), default=480) // 2


def retriever_of(candidate: Candidate, bench: Bench) -> Retriever | None:
    """The candidate's retriever, opened; None where it has none."""
    from rung.engine.retrieval.retriever import open_retriever

    if not candidate.retriever:
        return None
    return open_retriever(candidate.retriever, bench.blobs, bench.open_encoder, bench.open_reranker)
